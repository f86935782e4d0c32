"""Scheduled work is spread out, each database at a point of its own; what a person has triggered never waits."""

from __future__ import annotations

import datetime
import types
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException

from include.proven import spreading
from include.proven.fleet.model import Fleet
from proven_airflow import turns
from tests.pages.fleets import fleet_paging
from tests.servers.pager import Pager

MINUTE = datetime.timedelta(minutes=1)


def context(run_type: str, *, seconds_ago: float = 0) -> dict[str, Any]:
    """What a task of `backup__shop` is given of its run."""
    begun = turns.now() - datetime.timedelta(seconds=seconds_ago)
    run = types.SimpleNamespace(run_type=run_type, run_after=begun)
    return {"dag_run": run, "dag": types.SimpleNamespace(dag_id="backup__shop")}


def fleet(spread: datetime.timedelta | None) -> Fleet:
    return fleet_paging(Pager(), oncall="http://nobody", hook="http://nobody").model_copy(update={"spread": spread})


def test_each_database_has_a_point_of_its_own_and_keeps_it() -> None:
    delays = [spreading.delay(f"shop_{number}", MINUTE) for number in range(200)]
    assert len(set(delays)) == 200
    assert min(delays) >= datetime.timedelta()
    assert max(delays) < MINUTE
    assert all(15 < sum(delay // (MINUTE / 4) == quarter for delay in delays) < 85 for quarter in range(4)), "evenly, or nearly"
    assert spreading.delay("shop", MINUTE) == spreading.delay("shop", MINUTE)
    assert abs(spreading.delay("shop", 2 * MINUTE) - 2 * spreading.delay("shop", MINUTE)) < datetime.timedelta(milliseconds=1)


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered"])
def test_what_begins_by_itself_comes_back_at_its_turn(run_type: str) -> None:
    run = context(run_type)
    with pytest.raises(AirflowRescheduleException) as later:
        turns.wait_for_turn(fleet(100 * MINUTE), run)
    wanted = run["dag_run"].run_after + spreading.delay("shop", 100 * MINUTE)
    assert abs(later.value.reschedule_date - wanted) < datetime.timedelta(seconds=1)
    turns.wait_for_turn(fleet(100 * MINUTE), context(run_type, seconds_ago=6000))


@pytest.mark.parametrize("run_type", ["manual", "backfill"])
def test_what_a_person_has_triggered_never_waits(run_type: str) -> None:
    turns.wait_for_turn(fleet(100 * MINUTE), context(run_type))


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered"])
def test_without_a_spread_nothing_waits(run_type: str) -> None:
    turns.wait_for_turn(fleet(None), context(run_type))
