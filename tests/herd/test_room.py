"""A drill that finds no room waits for it, says so, and gives up with the names of those in its way."""

from __future__ import annotations

import datetime
import threading
import time

import pytest

from include.proven import backup, drill, ids, room
from include.proven.drill import Drill
from include.proven.errors import SandboxError
from include.proven.installation import Installation
from include.proven.progress import Progress
from include.proven.sandboxes.contract import Order
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.traces import nothing_runs

PAST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    """A fleet whose sandbox has room for one."""
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY, x BLOB)", schema)
    mariadb_source.sql("INSERT INTO orders SELECT seq, RANDOM_BYTES(1000) FROM seq_1_to_600", schema)
    files = make_fleet(mariadb_source, schemas=[schema])
    files.document["sandboxes"]["local"] |= {"at_once": 1, "wait_for_room": "9s"}
    files.write()
    return files


@pytest.fixture
def opened(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    return files.open(monkeypatch)


def take_backup(opened: Installation) -> Drill:
    """Back up, and return a drill of it."""
    point = backup.take_backup(opened, "shop", backup.new_id()).manifest.recovery_point
    return Drill(ids.new_drill(), "shop", point, "swift", "local", "test")


def occupy(opened: Installation, first: Drill) -> str:
    """Have the only place taken by another drill, and return its instance."""
    server = opened.catalog("shop").manifest("shop", first.recovery_point).server
    name = ids.sandbox_name(ids.new_drill())
    opened.sandbox("local").create(Order(name, server, 1000, database="shop"))
    return name


@pytest.mark.failure("C10")
def test_a_drill_that_finds_no_room_is_unproven_and_names_who_is_there(files: FleetFiles, opened: Installation) -> None:
    asked = take_backup(opened)
    name = occupy(opened, asked)
    seen: list[Progress] = []
    verdict = drill.run(opened, asked, on_progress=seen.append)
    assert verdict.outcome == "unproven"
    assert verdict.reason.startswith(f"build: no room in sandbox local for 9.0 s: 1 of 1 are in use by {name} (shop)")
    assert "./proven reap" in verdict.hint
    assert verdict.usage is None, "it has used nothing"
    assert {event.stage for event in seen} == {room.STAGE}
    opened.sandbox("local").destroy(name)
    nothing_runs(files)


def test_a_drill_waits_and_its_waiting_is_no_part_of_the_rto(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    files.document["sandboxes"]["local"]["wait_for_room"] = "5m"
    files.write()
    opened = files.open(monkeypatch)
    asked = take_backup(opened)
    name = occupy(opened, asked)
    begun = time.monotonic()
    left = threading.Timer(6, opened.sandbox("local").destroy, [name])
    left.start()
    verdict = drill.run(opened, asked)
    took = time.monotonic() - begun
    left.join()
    assert verdict.outcome == "proven"
    assert verdict.usage
    assert verdict.measured_rto_seconds is not None
    assert verdict.measured_rto_seconds <= took - 6
    assert verdict.usage.instance_seconds <= took - 6
    nothing_runs(files)


def test_whoever_can_come_back_is_told_when_and_leaves_no_evidence(files: FleetFiles, opened: Installation) -> None:
    asked = take_backup(opened)
    name = occupy(opened, asked)
    with pytest.raises(room.NoRoomYetError) as full:
        drill.build(opened, asked, asked_at=datetime.datetime.now(datetime.UTC))
    assert 5 <= full.value.seconds <= 15
    assert opened.catalog("shop").evidence("shop", asked.recovery_point, asked.id) == ([], [])
    with pytest.raises(SandboxError, match=r"no room in sandbox local for 9\.0 s"):
        drill.build(opened, asked, asked_at=PAST)
    (step,), _ = opened.catalog("shop").evidence("shop", asked.recovery_point, asked.id)
    assert step.outcome == "unproven"
    opened.sandbox("local").destroy(name)
    nothing_runs(files)


def test_a_drill_reads_no_faster_than_its_share(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    files.document["sandboxes"]["local"] |= {"at_once": 2, "bandwidth_limit": "300 KB/s"}
    files.write()
    opened = files.open(monkeypatch)
    verdict = drill.run(opened, take_backup(opened))
    assert verdict.outcome == "proven"
    assert verdict.usage
    assert verdict.usage.fetched_bytes
    (restored,) = (step for step in verdict.steps if step.name == "restore")
    downloaded = sum(stage.seconds for stage in restored.stages if stage.name == "download")
    assert downloaded > 0.7 * verdict.usage.fetched_bytes / 150_000, "half of 300 KB/s, but for the first burst"
    nothing_runs(files)
