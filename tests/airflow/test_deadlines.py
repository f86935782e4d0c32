"""A run that has ended needs no deadline; one that goes on is paged once, whatever the triggerer calls again."""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Iterator

import pytest

from include.proven import connections
from include.proven.demo.keys import DemoKeys
from include.proven.fleet.pages import FLEET
from proven_airflow import deadlines
from tests.pages.ledgers import Desk
from tests.servers.pager import ROUTING_KEY, Pager, running_pager


@pytest.fixture
def oncall(tmp_path: pathlib.Path, gpg_home: DemoKeys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pager]:
    """Who is on call for `shop`."""
    connections.use_resolver({"proven_pagerduty": connections.Connection("proven_pagerduty", password=ROUTING_KEY)}.__getitem__)
    with running_pager() as pager:
        desk = Desk(tmp_path / "disk", gpg_home.home, dict.fromkeys(("oncall", "hook", "boss"), pager))
        monkeypatch.setattr(deadlines, "open_installation", desk.open)
        yield pager
    connections.use_resolver(None)


def miss(state: str, dag: str = "backup__shop", database: str = "shop", conf: dict[str, str] | None = None) -> None:
    """Call the callback as the triggerer does."""
    run = {"dag_id": dag, "dag_run_id": "scheduled__2026-11-21T02:00:00+00:00", "state": state, "conf": conf}
    asyncio.run(deadlines.page_stuck({"dag_run": run}, database=database, seconds=12600.0))


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_goes_on_is_paged_once(oncall: Pager, state: str) -> None:
    miss(state)
    miss(state)
    (incident,) = oncall.incidents
    assert incident.dedup_key == "proven/shop/run-stuck/backup__shop"
    (event,) = incident.events
    assert "has not ended within 3h 30m" in event["payload"]["summary"]
    assert event["payload"]["severity"] == "error"


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_run_that_has_ended_has_told_what_there_was_to_tell(oncall: Pager, state: str) -> None:
    miss(state)
    assert oncall.incidents == []


@pytest.mark.parametrize(
    ("dag", "conf", "about"),
    [
        ("fire_drill", {"database": "shop"}, "shop"),
        ("sabotage", {"database": "any of the fleet"}, FLEET),
        ("reaper", None, FLEET),
    ],
)
def test_a_run_whose_form_names_a_database_is_about_that(
    oncall: Pager, dag: str, conf: dict[str, str] | None, about: str
) -> None:
    miss("running", dag, FLEET, conf)
    (incident,) = oncall.incidents
    assert incident.dedup_key == f"proven/{about}/run-stuck/{dag}"
