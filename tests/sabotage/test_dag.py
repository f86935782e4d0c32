"""The DAG `sabotage` in a real Airflow: green if the alarm works, and the loudest page of all if it does not."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

from include.proven.local_airflow.home import LocalAirflow
from tests.sabotage.yard import Yard
from tests.servers.traces import nothing_runs

CHECKOUT = pathlib.Path(__file__).parents[2]
RunDag = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run_dag(mariadb_yard: Yard) -> RunDag:
    """Give what runs the DAG with one way, whichever database the form leaves to chance."""
    airflow = LocalAirflow(mariadb_yard.files.folder / "state", environment=mariadb_yard.files.variables)
    environment = airflow.prepare() | {"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}"}

    def run(way: str) -> subprocess.CompletedProcess[str]:
        mariadb_yard.pager.incidents.clear()
        argv = [sys.executable, "-m", "tests.sabotage.run_dag", way]
        return subprocess.run(argv, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=500, check=False)

    return run


def test_what_is_noticed_ends_green(mariadb_yard: Yard, run_dag: RunDag) -> None:
    done = run_dag("row-deleted")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    (incident,) = mariadb_yard.pager.incidents
    assert incident.resolved
    assert incident.payload["severity"] == "info"
    assert [link["text"] for link in incident.events[0]["links"]] == ["Runbook: sabotage-noticed", "Run in Airflow"]
    nothing_runs(mariadb_yard.files)


@pytest.mark.failure("D4")
def test_what_nobody_notices_fails_and_pages_once(mariadb_yard: Yard, run_dag: RunDag) -> None:
    done = run_dag("nothing")
    assert done.returncode == 1, done.stdout[-4000:]
    (incident,) = mariadb_yard.pager.open
    assert len(incident.events) == 1, "task and run are one page"
    assert incident.payload["class"] == "sabotage-unnoticed"
    assert incident.payload["severity"] == "critical"
    assert "PROVEN" in incident.payload["summary"]
    nothing_runs(mariadb_yard.files)


def test_what_could_not_be_tried_says_so(mariadb_yard: Yard, run_dag: RunDag) -> None:
    mariadb_yard.files.document["sandboxes"]["local"]["space_factor"] = 1e12
    mariadb_yard.files.write()
    try:
        done = run_dag("truncated")
    finally:
        del mariadb_yard.files.document["sandboxes"]["local"]["space_factor"]
        mariadb_yard.files.write()
    assert done.returncode == 1
    (incident,) = mariadb_yard.pager.open
    assert incident.payload["class"] == "sabotage-untried"
    assert "no space" in incident.payload["summary"] or "space" in incident.payload["summary"]
