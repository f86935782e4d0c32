"""The tasks of a backup."""

from __future__ import annotations

import logging
import time
from typing import Any

from airflow.sdk import get_current_context, task

from include.proven import backup, completing, copies, progress
from include.proven.errors import PageError, ProvenError, StoppedError
from include.proven.fleet import load
from include.proven.hosts.contract import GRACE
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from proven_airflow import identity, stopping, turns, watching
from proven_airflow.opening import open_installation

LATE_PARTS_SECONDS = 12.0
"""A task that was marked failed hears of it with its next heartbeat (5 s) and is killed 5 s later: until then it may upload."""
log = logging.getLogger(__name__)


@task
def choose_id() -> str:
    """Choose the recovery point's id, so that the teardown knows what to remove even if the backup is killed."""
    context = get_current_context()
    turns.wait_for_turn(load.load(), context)
    kind = backup.choose_kind(open_installation(), identity.database_of(context))
    return backup.new_id(identity.run_name(context), kind=kind)


@task
def back_up(recovery_point: str, outlet_events: Any = None) -> None:
    """Take the backup and tell the drill which recovery point is new. A store that failed is left to `complete_copies`."""
    context = get_current_context()
    database = identity.database_of(context)
    installation = open_installation()
    with stopping.stop_on_sigterm():
        taken = backup.take_backup(
            installation,
            database,
            recovery_point,
            triggered_by=identity.asked_by(context),
            on_progress=watching.watch("back_up"),
        )
    stored = sum(artifact.bytes for artifact in taken.manifest.artifacts)
    for store, error in taken.failed.items():
        log.warning("store %s has no copy: %s", store, error)
    stores = [store for store in installation.database(database).stores if store not in taken.failed]
    log.info("recovery point %s of %s stands in %s: %s", recovery_point, database, stores, progress.format_bytes(stored))
    if reused := sum(artifact.bytes for artifact in taken.manifest.reused):
        log.info("%s of it are earlier recovery points', and were not sent again", progress.format_bytes(reused))
    outlet_events[identity.asset(installation.fleet, database)].extra = {"recovery_point": recovery_point}


@task
def complete_copies() -> None:
    """Bring each recovery point, this run's and those before it, to the stores that lack it. Fail if one lacks any in the end.

    Where none does, the page about missing copies is answered.
    """
    database = identity.database_of(get_current_context())
    installation = open_installation()
    with stopping.stop_on_sigterm():
        copied = completing.complete(installation, database, on_progress=watching.watch("complete_copies"))
    for copy in copied:
        log.info("copied %s from store %s to store %s", copy.recovery_point, copy.source, copy.target)
    try:
        sent = delivery.resolve(installation.fleet, database, ["copy-missing"], StoreLedger(installation))
    except PageError as error:
        # the copies are there; the page stays open in the ledger, and the drill of this recovery point answers it again
        log.warning("copies are complete, but the page about them could not be resolved: %s", error)
    else:
        log.info("copies are complete; resolved on %s", ", ".join(sent.routes) or "no route: nothing was open")


@task
def clear_up(recovery_point: str) -> None:
    """Remove what an unfinished backup has left, and fail unless the backup is done and its drill is told.

    A recovery point that stands in any store is done: what another has of it belongs to `complete_copies`, which may be at
    work there just now. A run that a person marks failed would turn green again if this did not fail: nothing else still runs.
    """
    context = get_current_context()
    database = identity.database_of(context)
    installation = open_installation()
    if recovery_point not in copies.survey(installation, database).held:
        late = _end_agent(installation, database, recovery_point)
        if removed := backup.discard(installation, database, recovery_point):
            time.sleep(late)
            removed += backup.discard(installation, database, recovery_point)
        raise StoppedError(
            f"no recovery point {recovery_point}; {removed} objects and parts of it were removed",
            hint="The log of the task back_up says why. If it was killed, its log just ends.",
        )
    if _state(context, "back_up") != "success":
        raise StoppedError(
            f"recovery point {recovery_point} stands, but the task was ended before it could trigger the drill",
            hint=f"Trigger {identity.drill_dag(database)}: by hand it drills the latest.",
        )


def _end_agent(installation: Installation, database: str, recovery_point: str) -> float:
    """End what a killed task has left on the database's host; return for how many seconds parts may still come in."""
    try:
        backup.end_run(installation, database, recovery_point)
    except ProvenError as error:
        # the backup has failed already, and an agent that nobody comes back to ends by itself
        log.warning("whether an agent of this backup still runs on the database's host can't be seen: %s", error)
        return GRACE
    return LATE_PARTS_SECONDS


def _state(context: Any, task_id: str) -> str | None:
    """Return the state of another task of the same run."""
    run = context["run_id"]
    states = context["ti"].get_task_states(dag_id=context["dag"].dag_id, task_ids=[task_id], run_ids=[run])
    found: str | None = states.get(run, {}).get(task_id)
    return found
