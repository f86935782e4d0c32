"""A DAG whose only task fails, with the pager as callback of the task and of the run. Run as a program, it tests itself."""

from __future__ import annotations

from airflow.sdk import DAG, task

from include.proven.errors import SourceError
from proven_airflow.notifiers.pager import Pager

PAGER = Pager(kind="backup-failed", database="shop")

with DAG(dag_id="backup__shop", schedule=None, on_failure_callback=PAGER) as dag:

    @task(on_failure_callback=PAGER)
    def back_up() -> None:
        """Fail as a backup does whose password was rotated."""
        raise SourceError("source: shop: access denied for 'backup'", hint="Check the password of the connection.")

    back_up()

if __name__ == "__main__":
    dag.test()
