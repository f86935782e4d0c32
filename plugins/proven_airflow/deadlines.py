"""Deadlines: whoever waits for a run that takes too long hears of it while it still runs.

No task of it has failed, so no callback is called; and `dagrun_timeout` would skip the teardowns. The scheduler notices, and
the triggerer tells. A run that has ended, whichever way, has told what there was to tell.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterator
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.definitions.callback import AsyncCallback  # airflow.sdk has no types for these
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from include.proven import copies
from include.proven.fleet import schedule
from include.proven.fleet.databases import Database
from include.proven.fleet.model import Fleet
from include.proven.fleet.pages import FLEET
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import compose, run_url
from include.proven.watch.concern import Concern, Finding
from proven_airflow import addresses, house_rules
from proven_airflow.opening import open_installation

KIND = "run-stuck"
GOES_ON = ("queued", "running")
NOTHING = datetime.timedelta()


def of_backup(fleet: Fleet, name: str, database: Database) -> DeadlineAlert:
    """Return the deadline of a database's backups: the dump, and the copies with all their tries, may take their time."""
    copying = (1 + house_rules.COPY_RETRIES["retries"]) * database.backup_time_limit + house_rules.COPY_RETRIES_TAKE
    limit = database.backup_time_limit + (copying if len(database.stores) > 1 else NOTHING)
    return alert(name, (fleet.spread or NOTHING) + limit + 2 * house_rules.STEP_TIME_LIMIT)


def of_drill(fleet: Fleet, name: str, database: Database) -> DeadlineAlert:
    """Return the deadline of a database's drills: `build`, `restore` and the checks may take their time.

    So may waiting for room in the sandbox, within that; where drills wait for longer than they would take, it is too small.
    """
    return alert(name, (fleet.spread or NOTHING) + _drill_takes(database.drill_time_limit))


def of_fire_drill(fleet: Fleet) -> DeadlineAlert:
    """Return the deadline of fire drills, of whichever database."""
    return alert(FLEET, _drill_takes(max(database.drill_time_limit for database in fleet.databases.values())))


def of_stream(name: str) -> DeadlineAlert:
    """Return the deadline of the runs that ship a database's binary log."""
    return alert(name, 2 * house_rules.STREAM_EVERY + house_rules.STEP_TIME_LIMIT)


def of_one_step(limit: datetime.timedelta) -> DeadlineAlert:
    """Return the deadline of runs that are one task, which may take that long."""
    return alert(FLEET, limit + house_rules.STEP_TIME_LIMIT)


def alert(database: str, limit: datetime.timedelta) -> DeadlineAlert:
    """Return the deadline of runs that are about a database, counted from the moment at which they are queued.

    With `FLEET` they are about the one that their form names, if it names any.
    """
    callback = AsyncCallback(page_stuck, kwargs={"database": database, "seconds": limit.total_seconds()})
    return DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=limit, callback=callback, name="run-stuck")


async def page_stuck(context: dict[str, Any], database: str, seconds: float) -> None:
    """Page that a run has not ended within so many seconds, unless it has by now.

    The triggerer calls it, with a context that holds no more than the run, as a dictionary. Raise PageError as a pager does.
    """
    run = context["dag_run"]
    if run["state"] in GOES_ON:
        # in a thread, for it asks stores and receivers, and all other deferred tasks wait in this one
        await asyncio.to_thread(_page, database, run, seconds)


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield each run that was paged and still goes on. The pages of the others are resolved by that."""
    task = get_current_context()["ti"]
    for incident in StoreLedger(installation, copies.PATIENCE).survey().open:
        if incident.page.kind == KIND and _goes_on(task, incident.run_id):
            page = incident.page
            yield Finding(KIND, page.summary, page.database, page.thing)


CONCERN = Concern(name="runs that take too long", kinds=(KIND,), look=look, needs="airflow")


def _drill_takes(limit: datetime.timedelta) -> datetime.timedelta:
    return 3 * limit + 4 * house_rules.STEP_TIME_LIMIT


def _page(database: str, stuck: dict[str, Any], seconds: float) -> None:
    installation = open_installation()
    dag, run, base = stuck["dag_id"], stuck["dag_run_id"], addresses.base_url()
    asked = (stuck.get("conf") or {}).get("database")
    if database == FLEET and asked in installation.fleet.databases:
        database = asked
    page = compose(
        installation.fleet,
        KIND,
        database,
        airflow_url=base,
        thing=dag,
        summary=f"{dag}: run {run} has not ended within {schedule.words(datetime.timedelta(seconds=seconds))}",
        run_id=f"{dag}/{run}",
        hint="Its tasks in Airflow's UI show which of them waits, and its log for what.",
        run_url=run_url(installation.fleet.pages, dag, run, base),
    )
    delivery.send(installation.fleet, page, StoreLedger(installation))


def _goes_on(task: Any, run_id: str) -> bool:
    """Say whether a run, named as `identity.run_name` does, has not ended yet. One that was deleted has."""
    dag, _, run = run_id.partition("/")
    return bool(task.get_dr_count(dag, run_ids=[run], states=list(GOES_ON)))
