"""Runs DAGs in this process, one after the other, without any of Airflow's daemons: `python -m proven_airflow.run_here DAG …`.

Needs Airflow's environment (`include.proven.local_airflow.home`), its database, and `plugins/` on PYTHONPATH.
Exits with 0 if every run ended green, else with 1. For a display: where `$PROVEN_PROGRESS` names a file, each change of a
task's state is appended to it beside the progress (`watching`): `{"task": …, "state": "running" | "success" | "failed"}`.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow.listeners import hookimpl
from airflow.sdk.listener import get_listener_manager

from proven_airflow import watching

log = logging.getLogger(__name__)


class Reporter:
    """Tells the display what becomes of each task."""

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        """Tell that a task runs."""
        watching.tell(name_of(task_instance), {"state": "running"})

    @hookimpl
    def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
        """Tell that a task is done."""
        watching.tell(name_of(task_instance), {"state": "success"})

    @hookimpl
    def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: Any) -> None:
        """Tell that a task has failed."""
        watching.tell(name_of(task_instance), {"state": "failed"})


def name_of(task_instance: Any) -> str:
    """Return a task's name for people: `restore`, `check fingerprint`."""
    name = task_instance.task.op_kwargs.get("name") if hasattr(task_instance.task, "op_kwargs") else None
    return f"{task_instance.task_id} {name or getattr(task_instance.task, 'check', '')}".strip()


def run_dag(dag_id: str) -> bool:
    """Run one DAG to its end and return whether the run ended green. Raise LookupError, saying why, if there is no such DAG."""
    bag = DagBag(conf.get("core", "dags_folder"))
    if dag_id not in bag.dags:
        raise LookupError(f"there is no DAG {dag_id}: {bag.import_errors or 'not in this fleet'}")
    dag = bag.dags[dag_id]
    # for `test()` a DAG's deadline is no id, and it fails where it looks one up (3.3.2); there is nobody who would notice one
    dag.deadline = None
    return str(dag.test().state) == "success"


def main() -> None:
    """Run the DAGs that the command line names; stop at the first that does not end green."""
    get_listener_manager().add_listener(Reporter())  # type: ignore[no-untyped-call]  # Airflow gives it no types
    sys.exit(0 if all(run_dag(dag_id) for dag_id in sys.argv[1:]) else 1)


if __name__ == "__main__":
    main()
