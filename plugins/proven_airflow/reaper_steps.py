"""The task of the reaper."""

from __future__ import annotations

import logging

from airflow.sdk import get_current_context, task

from include.proven import progress, reaper_pages, reaping
from include.proven.fleet.pages import FLEET
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import run_url
from include.proven.reaping import Reaped
from proven_airflow import addresses, identity
from proven_airflow.opening import open_installation

log = logging.getLogger(__name__)


@task
def reap() -> None:
    """Destroy what nobody needs, in every sandbox and store. Fail, at the end, if one of them could not be looked at."""
    context = get_current_context()
    installation = open_installation()
    base = addresses.base_url()
    run = run_url(installation.fleet.pages, context["dag"].dag_id, str(context["run_id"]), base)
    reaped = reaping.reap(installation, reaper_pages.Pager(identity.run_name(context), run, base))
    _log(reaped)
    reaped.require()
    delivery.resolve(installation.fleet, FLEET, ["reaper-failed"], StoreLedger(installation))


def _log(reaped: Reaped) -> None:
    """Say what was found and what became of it."""
    for fate in reaped.fates:
        level = logging.WARNING if fate.leaks else logging.INFO
        saved = f", saved {fate.saved:.2f}" if fate.saved and fate.outcome == "destroyed" else ""
        age = progress.format_seconds(fate.age_seconds)
        log.log(
            level, "%s in %s, %s, %s old: %s: %s%s", fate.found.name, fate.sandbox, fate.found.size, age, fate.outcome,
            fate.error or fate.reason, saved,
        )  # fmt: skip
    for leftover, removed in reaped.leftovers:
        log.info("%s: %s: %s, removed %d", leftover.store, leftover.folder, leftover.state, removed)
    log.info("%d sandboxes were found; saved %.2f", len(reaped.fates), reaped.saved)
