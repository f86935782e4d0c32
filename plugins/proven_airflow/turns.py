"""Tasks that come back later, without holding a worker meanwhile."""

from __future__ import annotations

import datetime
import logging
from typing import Any

from airflow.sdk.exceptions import AirflowRescheduleException

from include.proven import spreading
from include.proven.fleet.model import Fleet
from proven_airflow import identity

BY_ITSELF = {"scheduled", "asset_triggered"}
"""Types of runs that nobody is waiting for. A backfill has its own pace."""
log = logging.getLogger(__name__)


def wait_for_turn(fleet: Fleet, context: Any) -> None:
    """Let the first task of a run that began by itself come back when it is the database's turn (`spread` in the fleet)."""
    run = context["dag_run"]
    if fleet.spread is None or str(getattr(run.run_type, "value", run.run_type)) not in BY_ITSELF:
        return
    turn = run.run_after + spreading.delay(identity.database_of(context), fleet.spread)
    if now() < turn:
        log.info("this database's turn is at %s: see `spread` in the fleet", turn)
        raise come_back((turn - now()).total_seconds())


def come_back(seconds: float) -> AirflowRescheduleException:
    """Return what to raise so that the task is run again in that time."""
    return AirflowRescheduleException(now() + datetime.timedelta(seconds=seconds))  # type: ignore[no-untyped-call]  # Airflow's


def asked_at(context: Any) -> datetime.datetime:
    """Return when a task that comes back was run for the first time."""
    first: datetime.datetime | None = context["ti"].get_first_reschedule_date(context)
    return first or now()


def now() -> datetime.datetime:
    """Return the time, in UTC."""
    return datetime.datetime.now(datetime.UTC)
