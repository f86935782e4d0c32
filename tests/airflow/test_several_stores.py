"""A database with two stores in Airflow: one that is down costs a page about the copy, never the backup or its drill."""

from __future__ import annotations

import json

import pytest

from include.proven import copies
from tests.airflow.test_one_process import ORDERS, run_here, run_python
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet, swift_connection
from tests.servers.pager import ROUTING_KEY, Pager
from tests.servers.swift import Swift
from tests.servers.traces import nothing_runs, nothing_stored

FIRE = """
import sys
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(conf.get("core", "dags_folder")).dags["fire_drill"]
dag.deadline = None  # `test()` can't do with one
sys.exit(dag.test(run_conf={"database": "shop", "store": sys.argv[1]}).state != "success")
"""
SOON = {"AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "0"}


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet, swift: Swift, pager: Pager) -> FleetFiles:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql(ORDERS, schema)
    files = make_fleet(mariadb_source, schemas=[schema], endpoint=pager.url)
    files.connections["pager"]["password"] = ROUTING_KEY
    files.add_swift("far", swift)
    return files


def take_down(files: FleetFiles, swift: Swift, *stores: str) -> None:
    """Let these stores refuse, and no other."""
    for name in ("swift", "far"):
        files.connections[name] = swift_connection(swift) | ({"password": "wrong"} if name in stores else {})
    files.write()


def held(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the stores that hold each recovery point, oldest first."""
    return list(copies.survey(files.open(monkeypatch), "shop").held.values())


def tasks(files: FleetFiles, state: str) -> list[str]:
    lines = (files.folder / "progress.jsonl").read_text().splitlines()
    return [event["task"] for event in map(json.loads, lines) if event.get("state") == state]


@pytest.mark.parametrize("down", ["swift", "far"])
def test_a_store_that_stays_down_is_paged_once_and_made_good_by_the_next_run(
    files: FleetFiles, swift: Swift, pager: Pager, monkeypatch: pytest.MonkeyPatch, down: str
) -> None:
    other = "far" if down == "swift" else "swift"
    assert files.run("backup", "shop").returncode == 0
    take_down(files, swift, down)
    done = run_here(files, "backup__shop", **SOON)
    assert done.returncode == 1, done.stdout[-4000:]
    assert tasks(files, "running").count("complete_copies") == 4, "one try and three more"
    assert {"back_up", "clear_up"} <= set(tasks(files, "success")), "the recovery point stands, and its drill is told"
    take_down(files, swift)
    assert held(files, monkeypatch) == [["swift", "far"], [other]]
    point = copies.survey(files.open(monkeypatch), "shop").pick("latest")
    (incident,) = pager.incidents
    assert incident.dedup_key == "proven/shop/copy-missing"
    assert len(incident.events) == 1, "not for each try, and not for the task and the run"
    for word in (f"store {down}", point, "401"):
        assert word in incident.payload["summary"]
    assert incident.payload["custom_details"]["next"] == "./proven copy shop"

    # the drill does not wait for the copy
    take_down(files, swift, down)
    assert run_here(files, "drill__shop").returncode == 0
    take_down(files, swift)
    (verdict,) = files.open(monkeypatch).catalog("shop", other).verdicts("shop", point)
    assert (verdict.outcome, verdict.store) == ("proven", other)
    assert len(pager.open) == 1, "a store that can't be asked may lack anything"

    assert run_here(files, "backup__shop", **SOON).returncode == 0
    assert held(files, monkeypatch) == [["swift", "far"]] * 3
    assert pager.open == []
    nothing_runs(files)


def test_the_run_tells_what_its_task_could_not(files: FleetFiles, swift: Swift, pager: Pager) -> None:
    """As where the task was killed: its own callback is not called, and the run's must find out what has failed."""
    take_down(files, swift, "far")
    pager.answer_next(*[500] * 4)
    assert run_here(files, "backup__shop", **SOON).returncode == 1
    (incident,) = pager.incidents
    assert incident.dedup_key == "proven/shop/copy-missing"
    assert "store far" in incident.payload["summary"]


def test_with_every_store_down_the_backup_has_failed_and_nothing_else_is_said(
    files: FleetFiles, swift: Swift, pager: Pager
) -> None:
    take_down(files, swift, "swift", "far")
    assert run_here(files, "backup__shop", **SOON).returncode == 1
    assert {incident.dedup_key for incident in pager.incidents} == {"proven/shop/backup-failed"}
    assert "complete_copies" not in tasks(files, "running")
    nothing_runs(files)
    take_down(files, swift)
    nothing_stored(files, swift)


def test_drills_of_airflow_go_round_the_stores(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.run("backup", "shop").returncode == 0
    assert run_here(files, "drill__shop", "drill__shop").returncode == 0
    opened = files.open(monkeypatch)
    (point,) = copies.survey(opened, "shop").held
    for store in ("swift", "far"):
        (verdict,) = opened.catalog("shop", store).verdicts("shop", point)
        assert (verdict.outcome, verdict.store) == ("proven", store)


def test_the_form_of_a_fire_drill_says_which_copy(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.run("backup", "shop").returncode == 0
    done = run_python(files, ["-c", FIRE, "far"])
    assert done.returncode == 0, done.stdout[-4000:]
    opened = files.open(monkeypatch)
    (point,) = copies.survey(opened, "shop").held
    (verdict,) = opened.catalog("shop", "far").verdicts("shop", point)
    assert verdict.outcome == "proven"
