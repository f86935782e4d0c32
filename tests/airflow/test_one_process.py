"""Both DAGs in one process, as the demo runs them, on a real MariaDB and a real Swift."""

from __future__ import annotations

import atexit
import functools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from include.proven.local_airflow.home import LocalAirflow
from include.proven.proof.built_in import TOGETHER
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.swift import Swift
from tests.servers.traces import nothing_runs

CHECKOUT = pathlib.Path(__file__).parents[2]
ORDERS = """
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(40));
INSERT INTO orders (note) VALUES ('first'), (NULL), ('');
"""


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql(ORDERS, schema)
    return make_fleet(mariadb_source, schemas=[schema])


def run_here(files: FleetFiles, *dags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run DAGs as the demo does; what they tell its display is in `progress.jsonl`."""
    return run_python(files, ["-m", "proven_airflow.run_here", *dags], **variables)


@functools.cache
def prepared_airflow() -> pathlib.Path:
    """Make Airflow's database once for all tests of this process and return its state directory. It goes with the process."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="proven-prepared-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    LocalAirflow(folder / "state").prepare()
    return folder / "state"


def run_python(files: FleetFiles, arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python where this fleet's Airflow is: a copy of one whose database was made once."""
    if not (files.folder / "state").exists():
        shutil.copytree(prepared_airflow(), files.folder / "state")
    airflow = LocalAirflow(files.folder / "state", environment=files.variables | variables)
    paths = {"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}", "PROVEN_PROGRESS": str(files.folder / "progress.jsonl")}
    argv, environment = [sys.executable, *arguments], airflow.prepare() | paths
    return subprocess.run(argv, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def verdict_of(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> str:
    catalog = files.open(monkeypatch).catalog("shop")
    (verdict,) = catalog.verdicts("shop", catalog.recovery_points("shop")[-1])
    return verdict.outcome


def test_backup_and_drill_end_proven(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_here(files, "backup__shop", "drill__shop")
    (files.folder / "log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout[-4000:]
    assert verdict_of(files, monkeypatch) == "proven"
    events = [json.loads(line) for line in (files.folder / "progress.jsonl").read_text().splitlines()]
    ended = [event["task"] for event in events if event.get("state") == "success"]
    assert ended[:3] == ["choose_id", "back_up", "clear_up"]
    checked = {f"check {name}" for name in TOGETHER}
    assert {"build", "restore", *checked, "verdict", "report", "destroy"} <= set(ended)
    assert {event["task"] for event in events if "bytes" in event} == {"back_up", "restore"}
    nothing_runs(files)


def test_a_backup_that_takes_too_long_is_stopped_and_leaves_nothing(
    files: FleetFiles, swift: Swift, mariadb_source: DatabaseServer
) -> None:
    (schema,) = files.document["databases"]["shop"]["schemas"]
    mariadb_source.sql("CREATE TABLE noise AS SELECT seq, RANDOM_BYTES(1024) FROM seq_1_to_60000", schema)
    files.document["databases"]["shop"]["backup_time_limit"] = "1s"
    files.write()
    done = run_here(files, "backup__shop")
    assert done.returncode == 1
    assert "AirflowTaskTimeout" in done.stdout
    nothing_runs(files)
    # on a busy machine the time is over before there is a container
    made = files.container in {entry["name"] for entry in swift.raw().get_account()[1]}
    assert not made or [name for name in swift.names(files.container) if "/pages/" not in name] == []
