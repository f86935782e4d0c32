"""A backup to several stores, by command line, on real servers: what is whole counts, what is down is named and made good."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from include.proven.demo import swift as embedded
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, swift_connection
from tests.servers.s3 import S3
from tests.servers.swift import PYTHON, Swift
from tests.servers.traces import nothing_runs, nothing_stored

NOISE = "CREATE TABLE noise AS SELECT seq, RANDOM_BYTES(1024) AS content FROM seq_1_to_60000"
"""60 MB that don't compress."""


def listed(files: FleetFiles) -> list[dict[str, Any]]:
    done = files.run("list", "shop", "--json")
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def drill(files: FleetFiles, *arguments: str) -> dict[str, Any]:
    done = files.run("drill", "shop", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


@pytest.mark.parametrize("others", [["far"], ["s3", "disk"]], ids=" ".join)
def test_one_dump_goes_to_every_store_and_each_copy_is_proven(
    files: FleetFiles, other_swift: Swift, moto: S3, tmp_path: pathlib.Path, others: list[str]
) -> None:
    if "far" in others:
        files.add_swift("far", other_swift)
    else:
        cloud = moto.connection()
        files.connections["s3"] = {"conn_type": "aws", "login": cloud.login, "password": cloud.password, "extra": cloud.extra}
        files.add_store("s3", kind="s3", connection="s3", bucket=moto.bucket())
        (tmp_path / "disk").mkdir()
        files.add_store("disk", kind="directory", path=str(tmp_path / "disk"))
    stores = ["swift", *others]
    taken = files.run("backup", "shop", "--json")
    assert taken.returncode == 0, taken.stderr
    said = json.loads(taken.stdout)
    assert (said["stores"], said["failed"]) == (stores, {})
    dumps = [command for command in said["commands"] if "--databases" in command["argv"]]
    assert len(dumps) == 1

    # without a store named, drills go round: each once, and then the first again
    assert [drill(files)["store"] for _ in range(len(stores) + 1)] == [*stores, "swift"]
    assert drill(files, "--store", stores[-1])["outcome"] == "proven"
    (row,) = listed(files)
    assert row["stores"] == stores
    assert (row["verdict"], row["verdict_store"]) == ("proven", stores[-1])
    shown = json.loads(files.run("show", "shop", "--json").stdout)
    assert [verdict["store"] for verdict in shown["verdicts"]] == [*stores, "swift", stores[-1]]
    only = json.loads(files.run("show", "shop", "--store", "swift", "--json").stdout)
    assert [verdict["store"] for verdict in only["verdicts"]] == ["swift", "swift"]
    nothing_runs(files)


def test_a_store_that_is_down_is_named_and_gets_its_copy_later(
    files: FleetFiles, other_swift: Swift, closed_port: int, tmp_path: pathlib.Path
) -> None:
    files.add_swift("far", other_swift)
    assert files.run("backup", "shop").returncode == 0
    files.connections["far"]["host"] = f"http://127.0.0.1:{closed_port}/auth/v1.0"
    files.write()

    taken = files.run("backup", "shop", "--json")
    assert taken.returncode == 3, taken.stderr
    said = json.loads(taken.stdout)
    assert said["stores"] == ["swift"]
    assert str(closed_port) in said["failed"]["far"]
    assert "store far has no copy" in taken.stderr
    assert "./proven copy shop" in taken.stderr

    # the other store is enough for all that follows
    rows = files.run("list", "shop")
    assert rows.returncode == 0
    assert "store far gives no answer" in rows.stderr
    assert drill(files)["store"] == "swift"
    restored = files.run("restore", "shop", "--to", f"folder:{tmp_path}/out")
    assert restored.returncode == 0, restored.stderr
    refused = files.run("drill", "shop", "--store", "far")
    assert refused.returncode == 2
    assert str(closed_port) in refused.stderr

    files.connections["far"] = swift_connection(other_swift)
    files.write()
    assert [row["stores"] for row in listed(files)] == [["swift"], ["swift", "far"]]
    copied = files.run("copy", "shop")
    assert copied.returncode == 0, copied.stderr
    assert [row["stores"] for row in listed(files)] == [["swift", "far"]] * 2
    assert drill(files, said["recovery_point"], "--store", "far")["outcome"] == "proven"
    nothing_runs(files)


@pytest.mark.parametrize("first", ["swift", "far"])
def test_a_store_that_dies_in_mid_upload_costs_the_other_nothing(
    files: FleetFiles,
    swift: Swift,
    mariadb_source: DatabaseServer,
    start_swift: Callable[..., Swift],
    tmp_path_factory: pytest.TempPathFactory,
    first: str,
) -> None:
    (schema,) = files.document["databases"]["shop"]["schemas"]
    mariadb_source.sql(NOISE, schema)
    root = tmp_path_factory.mktemp("mortal")
    mortal = start_swift(root)
    container = files.add_swift("far", mortal, bandwidth_limit="8 MB/s")
    if first == "far":
        files.document["databases"]["shop"]["stores"].reverse()
        files.write()
    argv = [sys.executable, "-m", "include.proven.cli", "backup", "shop", "--json"]
    backup = subprocess.Popen(
        argv, env={**os.environ, **files.variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for_parts(backup, mortal, container)
    os.kill(mortal.server.process.pid, signal.SIGKILL)
    output, words = backup.communicate(timeout=300)
    assert backup.returncode == 3, words
    said = json.loads(output)
    assert said["stores"] == ["swift"]
    assert list(said["failed"]) == ["far"]
    assert said["failed"]["far"] in words
    assert drill(files)["store"] == "swift"
    nothing_runs(files)

    risen = Swift(embedded.start_swift(root, PYTHON, mortal.settings), mortal.settings)
    try:
        files.connections["far"] = swift_connection(risen)
        files.write()
        assert files.run("copy", "shop").returncode == 0
        assert [row["stores"] for row in listed(files)] == [files.document["databases"]["shop"]["stores"]]
        assert drill(files, "--store", "far")["outcome"] == "proven"
    finally:
        embedded.stop(risen.server)


def test_when_every_store_is_down_there_is_no_backup_and_nothing_is_left(
    files: FleetFiles, swift: Swift, other_swift: Swift, closed_port: int
) -> None:
    files.add_swift("far", other_swift)
    files.connections["far"]["password"] = "wrong"
    files.connections["swift"]["password"] = "wrong"
    files.write()
    done = files.run("backup", "shop")
    assert done.returncode == 1
    assert "401" in done.stderr
    nothing_stored(files, swift)
    nothing_runs(files)


def test_what_the_source_refuses_is_said_although_a_store_is_down(
    files: FleetFiles, swift: Swift, other_swift: Swift, closed_port: int
) -> None:
    files.add_swift("far", other_swift)
    files.connections["far"]["host"] = f"http://127.0.0.1:{closed_port}/auth/v1.0"
    files.connections["source"]["password"] = "not-the-password"
    files.write()
    done = files.run("backup", "shop")
    assert done.returncode == 1
    assert "access denied" in done.stderr.lower()
    nothing_stored(files, swift)


def test_a_misspelt_store_gets_a_suggestion(files: FleetFiles, other_swift: Swift) -> None:
    files.add_swift("far", other_swift)
    for command in (["drill", "shop"], ["show", "shop"], ["restore", "shop", "--to", "folder:nowhere"]):
        done = files.run(*command, "--store", "fra")
        assert done.returncode == 2, command
        assert "Did you mean 'far'?" in done.stderr


def wait_for_parts(backup: subprocess.Popen[str], swift: Swift, container: str) -> None:
    """Wait until a part of the recovery point lies in the container's segments."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert backup.poll() is None, backup.communicate()
        with contextlib.suppress(Exception):  # the container is made by the backup
            if any("/dump.sql" in name for name in swift.names(f"{container}_segments")):
                return
        time.sleep(0.1)
    pytest.fail("no part came")
