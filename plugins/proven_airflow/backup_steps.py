"""The tasks of a backup."""

from __future__ import annotations

import logging
import time
from typing import Any

from airflow.sdk import get_current_context, task

from include.proven import backup, progress
from include.proven.errors import StoppedError
from proven_airflow import identity, stopping, watching
from proven_airflow.opening import open_installation

LATE_PARTS_SECONDS = 12.0
"""A task that was marked failed hears of it with its next heartbeat (5 s) and is killed 5 s later: until then it may upload."""
log = logging.getLogger(__name__)


@task
def choose_id() -> str:
    """Choose the recovery point's id, so that the teardown knows what to remove even if the backup is killed."""
    return backup.new_id()


@task
def back_up(recovery_point: str, outlet_events: Any = None) -> None:
    """Take the backup and tell the drill which recovery point is new."""
    database = identity.database_of(get_current_context())
    installation = open_installation()
    with stopping.stop_on_sigterm():
        taken = backup.take_backup(installation, database, recovery_point, on_progress=watching.watch("back_up"))
    stored = sum(artifact.bytes for artifact in taken.manifest.artifacts)
    log.info("recovery point %s of %s stands: %s", recovery_point, database, progress.format_bytes(stored))
    outlet_events[identity.asset(installation.fleet, database)].extra = {"recovery_point": recovery_point}


@task
def clear_up(recovery_point: str) -> None:
    """Remove what an unfinished backup has left, and fail unless the backup is done and its drill is told.

    With `on_failure_fail_dagrun` Airflow takes a run's colour from its teardown alone: what the teardown says must be what
    became of the backup.
    """
    context = get_current_context()
    database = identity.database_of(context)
    installation = open_installation()
    if removed := backup.discard(installation, database, recovery_point):
        time.sleep(LATE_PARTS_SECONDS)
        removed += backup.discard(installation, database, recovery_point)
    if recovery_point not in installation.catalog(database).recovery_points(database):
        raise StoppedError(
            f"no recovery point {recovery_point}; {removed} objects and parts of it were removed",
            hint="The log of the task back_up says why. If it was killed, its log just ends.",
        )
    if _state(context, "back_up") != "success":
        raise StoppedError(
            f"recovery point {recovery_point} stands, but the task was ended before it could trigger the drill",
            hint=f"Trigger {identity.drill_dag(database)}: by hand it drills the latest.",
        )


def _state(context: Any, task_id: str) -> str | None:
    """Return the state of another task of the same run."""
    run = context["run_id"]
    states = context["ti"].get_task_states(dag_id=context["dag"].dag_id, task_ids=[task_id], run_ids=[run])
    found: str | None = states.get(run, {}).get(task_id)
    return found
