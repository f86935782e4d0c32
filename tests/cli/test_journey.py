"""The whole journey by command line: backup, list, drill, show, restore; on MariaDB and on MySQL."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from include.proven.proof.built_in import BUILT_IN
from tests.servers.databases import DatabaseServer, run_source
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.swift import Swift
from tests.servers.traces import nothing_runs

SHOP = """
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(40) CHARACTER SET utf8mb4,
  paid BIT(1), at TIMESTAMP(3) NULL);
INSERT INTO orders (note, paid, at) VALUES ('first 🎉', 1, '2026-01-02 03:04:05.678'), (NULL, 0, NULL), ('', 1, NULL);
CREATE VIEW paid AS SELECT id FROM orders WHERE paid = 1;
CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = COALESCE(NEW.note, 'none');
CREATE PROCEDURE total() SELECT COUNT(*) FROM orders;
"""


@pytest.fixture
def files(source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    schema = source.fresh_schema("shop")
    source.sql(SHOP, schema)
    files = make_fleet(source, schemas=[schema])
    files.document["sandboxes"]["local"]["prices"] = {"local": 0.36}
    files.write()
    return files


def test_a_backup_is_drilled_to_proven(files: FleetFiles, swift: Swift) -> None:
    taken = files.run("backup", "shop", "--json")
    assert taken.returncode == 0, taken.stderr
    manifest = json.loads(taken.stdout)
    assert manifest["fingerprint"]["rows"] >= 3

    drilled = files.run("drill", "shop", "--json")
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    verdict = json.loads(drilled.stdout)
    assert verdict["outcome"] == "proven"
    assert verdict["recovery_point"] == manifest["recovery_point"]
    assert {check["name"]: check["outcome"] for check in verdict["checks"]} == dict.fromkeys(BUILT_IN, "pass")
    assert verdict["measured_rto_seconds"] > 0
    assert verdict["data_age_seconds"] > 0
    assert verdict["usage"]["size"] == "local"
    assert verdict["usage"]["instance_seconds"] >= verdict["measured_rto_seconds"]
    assert verdict["usage"]["cost"] == pytest.approx(verdict["usage"]["instance_seconds"] / 3600 * 0.36)
    stored = sum(artifact["bytes"] for artifact in manifest["artifacts"])
    assert verdict["usage"]["fetched_bytes"] == stored

    (listed,) = json.loads(files.run("list", "--json").stdout)
    assert listed["verdict"] == "proven"
    shown = files.run("show", "shop")
    assert "PROVEN" in shown.stdout
    assert manifest["recovery_point"] in shown.stdout
    assert "at 0.36 an hour" in shown.stdout
    nothing_runs(files)


def test_a_restore_to_an_empty_server_brings_everything_and_never_overwrites(files: FleetFiles, source: DatabaseServer) -> None:
    assert files.run("backup", "shop").returncode == 0
    (schema,) = files.document["databases"]["shop"]["schemas"]
    for target in run_source(source.flavour, source.path):
        files.connections["target"] = {"conn_type": "mysql", "login": "root", "extra": {"unix_socket": target.admin["socket"]}}
        files.write()
        done = files.run("restore", "shop", "--to", "connection:target")
        assert done.returncode == 0, done.stderr
        same = f"SELECT * FROM `{schema}`.orders ORDER BY id"
        assert target.sql(same) == source.sql(same)

        again = files.run("restore", "shop", "--to", "connection:target")
        assert again.returncode == 2
        assert schema in again.stderr
        assert "HINT" in again.stderr


def test_a_restore_to_a_folder_writes_the_plain_sql(files: FleetFiles, tmp_path: pathlib.Path) -> None:
    assert files.run("backup", "shop").returncode == 0
    done = files.run("restore", "shop", "--to", f"folder:{tmp_path}/out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/dump.sql").read_text().rstrip().splitlines()[-1].startswith("-- Dump completed")
    again = files.run("restore", "shop", "--to", f"folder:{tmp_path}/out")
    assert again.returncode == 2


def test_a_database_without_recovery_points_could_not_be_tried(files: FleetFiles) -> None:
    done = files.run("drill", "shop")
    assert done.returncode == 2
    assert "a first backup creates it" in done.stderr


def test_a_misspelt_database_gets_a_suggestion(files: FleetFiles) -> None:
    done = files.run("backup", "shp")
    assert done.returncode == 2
    assert "shop" in done.stderr


@pytest.mark.failure("E1")
def test_the_store_alone_is_enough(files: FleetFiles) -> None:
    """On the worst day the source is gone: list, show, drill and restore never ask it."""
    assert files.run("backup", "shop").returncode == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        files.connections["source"]["port"] = probe.getsockname()[1]
    files.write()
    assert files.run("list").returncode == 0
    assert files.run("drill", "shop").returncode == 0


def test_a_failing_check_refutes_and_its_sandbox_can_be_kept_and_destroyed(files: FleetFiles) -> None:
    (schema,) = files.document["databases"]["shop"]["schemas"]
    (files.folder / "checks/shop").mkdir(parents=True)
    (files.folder / "checks/shop/big.sql").write_text(
        f"-- name: a million orders\nSELECT COUNT(*) > 1000000 FROM {schema}.orders"
    )
    assert files.run("backup", "shop").returncode == 0

    drilled = files.run("drill", "shop", "--keep")
    assert drilled.returncode == 1, drilled.stdout + drilled.stderr
    assert "REFUTED" in drilled.stdout
    assert "a million orders" in drilled.stdout

    (kept,) = json.loads(files.run("sandboxes", "--json").stdout)["standing"]
    assert kept["name"] in drilled.stderr
    wrong = files.run("sandboxes", "--destroy", kept["name"][:-1])
    assert wrong.returncode == 2
    assert kept["name"] in wrong.stderr
    assert files.run("sandboxes", "--destroy", kept["name"]).returncode == 0
    assert json.loads(files.run("sandboxes", "--json").stdout)["standing"] == []
    nothing_runs(files)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_drill_whose_terminal_goes_leaves_no_sandbox(
    files: FleetFiles, source: DatabaseServer, number: signal.Signals
) -> None:
    assert files.run("backup", "shop").returncode == 0
    argv = [sys.executable, "-m", "include.proven.cli", "drill", "shop"]
    drill = subprocess.Popen(argv, env={**os.environ, **files.variables}, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    sandboxes = pathlib.Path(files.document["sandboxes"]["local"]["directory"])
    while not list(sandboxes.glob("proven-*/run")):
        assert drill.poll() is None
        time.sleep(0.02)
    drill.send_signal(number)
    assert drill.wait(timeout=60) == 1
    nothing_runs(files)
