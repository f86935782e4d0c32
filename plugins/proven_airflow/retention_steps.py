"""The task of retention."""

from __future__ import annotations

import logging

from airflow.sdk import get_current_context, task

from include.proven import progress
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from include.proven.retention import pruning
from include.proven.retention.planning import Plan
from include.proven.retention.pruning import Outcome
from proven_airflow import identity, stopping, turns
from proven_airflow.opening import open_installation

log = logging.getLogger(__name__)


@task
def prune() -> None:
    """Remove what retention does not keep. Fail, at the end, if something could not be looked at or trusted."""
    context = get_current_context()
    database = identity.database_of(context)
    installation = open_installation()
    turns.wait_for_turn(installation.fleet, context)
    with stopping.stop_on_sigterm():
        plan, outcome = pruning.prune(installation, database, asked_by=identity.asked_by(context))
    _log(plan, outcome)
    plan.require()
    delivery.resolve(installation.fleet, database, ["retention-failed"], StoreLedger(installation))


def _log(plan: Plan, outcome: Outcome) -> None:
    """Say of each recovery point what became of it, and why."""
    for fate in plan.fates:
        changed = "stays: it has changed meanwhile" if fate.recovery_point in outcome.changed else "removed"
        why = f"stays: {'; '.join(fate.reasons)}" if fate.reasons else changed
        log.info("%s in %s, %s: %s", fate.recovery_point, ", ".join(fate.held), fate.proof, why)
    logs = sum(len(some) for some in outcome.logs.values())
    freed = progress.format_bytes(outcome.freed)
    log.info("removed %d of %d recovery points and %d binary logs, freed %s", len(outcome.points), len(plan.fates), logs, freed)
