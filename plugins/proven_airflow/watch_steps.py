"""The task of the watch: what is wrong though nothing has failed, asked from inside Airflow."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence
from typing import Any

from airflow.sdk import get_current_context, task

from include.proven.errors import PageError, ProvenError
from include.proven.fleet.pages import FLEET
from include.proven.pages import catching_up, delivery, pruning
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import run_url
from include.proven.watch import concerns, heartbeats, watching
from include.proven.watch.concern import Concern, Finding
from proven_airflow import addresses, components, deadlines, identity, import_errors, overview, turns
from proven_airflow.notifiers.pager import Pager
from proven_airflow.opening import open_installation
from proven_airflow.overview import MEMORY

CONCERNS: Sequence[Concern] = (*concerns.CONCERNS, components.CONCERN, import_errors.concern(), deadlines.CONCERN)
EARLY = datetime.timedelta(minutes=1)
"""A run begins some seconds sooner or later than the one before; what is due every hour must not be asked every 65 minutes."""
log = logging.getLogger(__name__)


class WatchPager(Pager):
    """Pages that the watch has failed, where its round has not told that: the task was killed, or a heartbeat was not taken."""

    def notify(self, context: Any) -> None:
        """Send the page, unless one that says why is open."""
        try:
            found = [incident.key for incident in StoreLedger(open_installation()).open_pages(FLEET)]
            told = [key for key in found if key.partition("/")[0] == watching.FAILED or key == catching_up.OWN_KIND]
        except ProvenError as error:
            self.log.warning("whether it has been told can't be seen: %s", error.what)
            told = []
        if told:
            self.log.info("open already: %s", ", ".join(told))
        else:
            super().notify(context)


FAILED = WatchPager(kind=watching.FAILED, database=FLEET)


@task(inlets=[MEMORY], on_failure_callback=FAILED)
def watch() -> None:
    """Ask the concerns that are due, page what they find, and send the heartbeats if all is in order.

    Fail, at the end, if one of them could not look, or somebody could not be told. What they have found is no failure.
    """
    context = get_current_context()
    installation, now = open_installation(), turns.now()
    memory, base = context["asset_state_store"][MEMORY], addresses.base_url()
    asked = due(CONCERNS, {concern.name: memory.get(concern.name) for concern in CONCERNS if concern.every}, now)
    prune = is_due(memory.get(watching.PRUNING), pruning.EVERY, now)
    watched = watching.run(
        installation,
        now=now,
        run_id=identity.run_name(context),
        concerns=asked,
        prune=prune,
        on_finding=_log_finding,
        run_url=run_url(installation.fleet.pages, context["dag"].dag_id, str(context["run_id"]), base),
        airflow_url=base,
    )
    for concern in asked:
        if concern.every and concern.name not in watched.failed:
            memory.set(concern.name, now.isoformat())
    if prune and watching.PRUNING not in watched.failed:
        memory.set(watching.PRUNING, now.isoformat())
    for line in watched.pruned:
        log.info("old pages: %s", line)
    memory.set(overview.KEY, overview.draw(installation, turns.now()))
    untold = heartbeats.beat(installation, watched, now=now)
    log.info("asked: %s; %s", ", ".join(concern.name for concern in asked), "in order" if watched.in_order else "not in order")
    watched.require()
    if untold:
        raise PageError(f"watch: {untold[0]}", detail="\n".join(untold))
    delivery.resolve(installation.fleet, FLEET, [watching.FAILED], StoreLedger(installation))


def due(concerns: Sequence[Concern], last: dict[str, Any], now: datetime.datetime) -> list[Concern]:
    """Given when each concern was asked last (ISO 8601, or None), return those that must be asked now."""
    return [concern for concern in concerns if is_due(last.get(concern.name), concern.every, now)]


def is_due(last: Any, every: datetime.timedelta, now: datetime.datetime) -> bool:
    """Say whether what was done last then (ISO 8601, or None) is to be done now."""
    return not last or now - datetime.datetime.fromisoformat(last) >= every - EARLY


def _log_finding(finding: Finding) -> None:
    log.warning("%s/%s: %s", finding.database, finding.key, finding.summary)
