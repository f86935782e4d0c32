"""The task of the sabotage, and whom it tells when it fails."""

from __future__ import annotations

import datetime
import logging
import random
from typing import Any

from airflow.sdk import get_current_context, task

from include.proven import copies
from include.proven.errors import ProvenError
from include.proven.fleet import model
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import Page, run_url
from include.proven.sabotage import choosing, exercise, scratch, telling
from include.proven.sabotage.exercise import Finding, UnnoticedError
from proven_airflow import addresses, identity, stopping, watching
from proven_airflow.notifiers.pager import Pager, compose, describe_failure
from proven_airflow.opening import open_installation

RANDOM, ALL = choosing.RANDOM, choosing.ALL
ANY_DATABASE = "any of the fleet"
"""Choice of the form. No database can have that name: `fleet.fields.Name` allows no blank."""
log = logging.getLogger(__name__)


def schedule(fleet: model.Fleet) -> str | None:
    """Return when it is done by itself: each month, where it can be done at all."""
    return "@monthly" if scratch.is_possible(fleet) else None


def time_limit(fleet: model.Fleet) -> datetime.timedelta:
    """Return the longest that it may take: a copy, and a restore and its checks, of the database that takes longest."""
    return 3 * max(database.drill_time_limit for database in fleet.databases.values())


def database_of(fleet: model.Fleet, context: Any) -> str:
    """Return the run's database. A random one follows from the run, so that task and callbacks agree on it."""
    wanted = str(context["params"]["database"])
    chance = random.Random(identity.run_name(context))  # noqa: S311 - it keeps no secret
    return chance.choice(sorted(fleet.databases)) if wanted == ANY_DATABASE else wanted


class SabotagePager(Pager):
    """Pages that a sabotage went unnoticed, or could not be tried.

    The task's step has told the first already, as far as it could; so this says nothing of a run that has been told.
    """

    def notify(self, context: Any) -> None:
        """Send the page, unless the run has sent the louder one."""
        installation = open_installation()
        try:
            told = telling.is_told(installation, database_of(installation.fleet, context), identity.run_name(context))
        except ProvenError as error:
            self.log.warning("whether it has been told can't be seen: %s", error.what)
            told = False
        if not told:
            super().notify(context)

    def page_for(self, context: Any, installation: Installation) -> Page:
        """Return what to tell."""
        kind = telling.UNNOTICED if isinstance(context.get("exception"), UnnoticedError) else self.kind
        database = database_of(installation.fleet, context)
        return compose(context, installation, kind, database, describe_failure(context))


FAILED = SabotagePager(kind=telling.UNTRIED)


@task
def sabotage() -> None:
    """Break a copy, drill it, and fail unless that was noticed for the right reason and a page was delivered."""
    context = get_current_context()
    installation = open_installation()
    database, params = database_of(installation.fleet, context), context["params"]
    found = copies.survey(installation, database)
    point = found.pick(params["recovery_point"])
    log.info("sabotage of a copy of %s of %s: %s", point, database, params["way"])
    order = exercise.Order(
        database=database,
        recovery_point=point,
        store=found.next_to_drill(point),
        sandbox=scratch.choose_sandbox(installation.fleet, database),
        ways=choosing.choose(params["way"]),
        triggered_by=identity.asked_by(context),
        enough=choosing.enough(params["way"]),
    )
    with stopping.stop_on_sigterm():
        findings = exercise.run(
            installation, order, _teller(installation, context), on_finding=_log, on_progress=watching.watch("sabotage")
        )
    exercise.require_noticed(findings)
    exercise.require_tried(findings)
    sent = delivery.resolve(installation.fleet, database, [telling.UNTRIED], StoreLedger(installation))
    log.info("the alarm works; resolved on %s", ", ".join(sent.routes) or "no route: nothing was open")


def _teller(installation: Installation, context: Any) -> telling.Pager:
    base = addresses.base_url()
    run = run_url(installation.fleet.pages, context["dag"].dag_id, str(context["run_id"]), base)
    return telling.Pager(installation, identity.run_name(context), run, base)


def _log(finding: Finding) -> None:
    level = logging.ERROR if finding.alarming else logging.INFO
    log.log(level, "%s: %s; told %s", finding.state, exercise.describe(finding), ", ".join(finding.paged) or "nobody")
