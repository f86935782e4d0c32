"""### Back up one database

Takes one full, consistent backup of the database and keeps it in its store:

`choose_id` names the recovery point → `back_up` dumps, compresses, encrypts and uploads it in one pass, and signs and
publishes the manifest last → `clear_up` removes whatever an unfinished backup has left.

The run is green only if the recovery point stands in the store. That it can be *restored* is another question: each new
recovery point triggers `drill__<database>`, which answers it.

**If it fails**, the database's contacts get the page *backup-failed* with its runbook; nothing half-made stays in the store.
To try again, trigger a new run.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from include.proven.fleet import load
from proven_airflow import backup_steps, callbacks, house_rules, identity

FLEET = load.load()

for name, database in identity.wanted(FLEET, "backup"):
    with DAG(
        dag_id=identity.backup_dag(name),
        schedule=database.schedule,
        doc_md=__doc__,
        tags=["proven", "backup", name],
        on_failure_callback=callbacks.BACKUP_FAILED,
        **house_rules.dag_arguments(database.owner),
    ):
        recovery_point: Any = backup_steps.choose_id().as_setup()
        taken = backup_steps.back_up.override(
            outlets=[identity.asset(FLEET, name)],
            execution_timeout=database.backup_time_limit,
            on_failure_callback=callbacks.BACKUP_FAILED,
        )(recovery_point)
        taken >> backup_steps.clear_up(recovery_point).as_teardown(on_failure_fail_dagrun=True)
