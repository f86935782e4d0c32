"""The tasks about pages: the test page that a person must acknowledge, acknowledging, and the digest."""

from __future__ import annotations

import datetime
import logging
from typing import Any

from airflow.sdk import get_current_context, task

from include.proven import digest as news
from include.proven.errors import ConfigError, PageError
from include.proven.fleet import schedule
from include.proven.fleet.pages import FLEET
from include.proven.installation import Installation
from include.proven.pages import acknowledging, delivery, exercise
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import Page, page_key
from include.proven.progress import format_seconds
from proven_airflow import identity, turns
from proven_airflow.notifiers.pager import Pager, compose
from proven_airflow.opening import open_installation

LOOK_SECONDS = 20.0
"""Between two looks whether a person has acknowledged the test."""
log = logging.getLogger(__name__)


class TestPager(Pager):
    """Pages that the test of the pages has failed: on all routes, for nobody knows which of them works."""

    def send(self, installation: Installation, page: Page) -> delivery.Sent:
        """Send it everywhere."""
        return exercise.alarm(installation, page)


TEST_FAILED = TestPager(kind="page-undelivered", database=FLEET, thing=exercise.KIND)
DIGEST_FAILED = Pager(kind="page-undelivered", database=FLEET, thing=identity.DIGEST)


@task(on_failure_callback=TEST_FAILED)
def test_page() -> None:
    """Send the test page, and come back until a person has acknowledged it. Fail if nobody does in time."""
    context = get_current_context()
    installation = open_installation()
    within = installation.fleet.pages.test_page.within
    if not context["task_reschedule_count"]:
        said = {"summary": "pages are tried: does this one arrive?", "hint": _how_to_answer(within)}
        routes = exercise.begin(installation, compose(context, installation, exercise.KIND, FLEET, said))
        log.info("sent to %s; waiting for a person", ", ".join(routes))
    elif found := exercise.answer(installation):
        told = exercise.end(installation, answered=True)
        log.info("acknowledged by %s after %s; resolved on %s", found.by, format_seconds(found.seconds), ", ".join(told))
        return
    elif turns.now() - turns.asked_at(context) >= within:
        exercise.end(installation, answered=False)
        routes = exercise.reachable(installation.fleet)
        raise PageError(
            f"page test: nobody has acknowledged it within {schedule.words(within)}",
            detail=f"it was sent to {', '.join(routes)}, and all of them took it",
            hint="Ask whoever is on call what has arrived, then trigger the DAG page_test again.",
        )
    raise turns.come_back(LOOK_SECONDS)


@task
def acknowledge(params: Any = None) -> None:
    """Record that whoever has triggered the run is at a page."""
    context = get_current_context()
    # the form in which receivers show it
    database, _, key = str(params["page"]).strip().removeprefix("proven/").partition("/")
    if not key:
        raise ConfigError(f"{params['page']!r} names no page", hint="Write DATABASE/PAGE, as ./proven pages shows it.")
    by = context["dag_run"].triggering_user_name or "somebody in Airflow"
    incident = acknowledging.acknowledge(open_installation(), database, key, by)
    log.info("%s/%s, open since %s, is acknowledged by %s", database, key, incident.opened_at, by)


@task(on_failure_callback=DIGEST_FAILED)
def digest() -> None:
    """Send the digest to those that have had none since its schedule's last moment. Fail if one of them did not take it."""
    installation, until = open_installation(), turns.now()
    since = news.begin(installation, until)
    sent = news.send(installation, news.compose(installation, since, until))
    log.info("since %s; sent to %s; had it: %s", since, ", ".join(sent.routes) or "nobody", ", ".join(sent.had_it) or "nobody")
    delivery.resolve(installation.fleet, FLEET, [page_key(DIGEST_FAILED.kind, DIGEST_FAILED.thing)], StoreLedger(installation))


def _how_to_answer(within: datetime.timedelta) -> str:
    return f"Acknowledge it within {schedule.words(within)}: by the command, or in Airflow by the DAG {identity.ACKNOWLEDGE}."
