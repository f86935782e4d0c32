"""The reaper, on real scratch servers and a real store: what it takes, what it leaves, and whom it tells."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pathlib
import re
import shutil
import time

import pytest

from include.proven import ids, reaper_pages, reaping, servers
from include.proven.errors import ProvenError, SandboxError
from include.proven.installation import Installation
from include.proven.manifest import Server
from include.proven.proof.verdict import Verdict
from include.proven.sandboxes.contract import Order
from tests.catalog import records
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet, swift_connection
from tests.servers.pager import ROUTING_KEY, Pager
from tests.servers.swift import Swift

POINT = records.POINTS[0]
LEAK = "proven/shop/sandbox-leaked/local"
PAGER = reaper_pages.Pager("run 1")


@dataclasses.dataclass
class Bed:
    """A fleet with the sandboxes `local`, which has a price, and `other`."""

    files: FleetFiles
    directory: pathlib.Path
    monkeypatch: pytest.MonkeyPatch

    def open(self) -> Installation:
        return self.files.open(self.monkeypatch)

    def build(self, run: str, sandbox: str = "local") -> str:
        """Build the sandbox of a drill and return its name."""
        drill = drill_of(run)
        name = ids.sandbox_name(drill)
        server = Server(flavour="mariadb", version="10.11.1-MariaDB", identity="x", hostname="x", settings={})
        order = Order(name, server, 1000, database="shop", recovery_point=POINT, drill=drill)
        self.open().sandbox(sandbox).create(order)
        return name

    def expire(self, name: str, sandbox: str) -> None:
        """Let a sandbox be older than it may become: its own record says when that is."""
        path = self.directory / sandbox / name / "sandbox.json"
        record = json.loads(path.read_text())
        record["expires_at"] = datetime.datetime.now(datetime.UTC).isoformat()
        path.write_text(json.dumps(record))

    def conclude(self, run: str, *, minutes_ago: float = 20, **changes: object) -> None:
        """Store the verdict of a drill."""
        ended = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes_ago)
        members = {**records.verdict(POINT, drill_of(run)).model_dump(), "finished_at": ended, **changes}
        self.open().catalog("shop").record_verdict(Verdict.model_validate(members))

    def half_build(self, name: str, *, hours_ago: float) -> str:
        """Leave what a builder leaves that was killed before it could write down for whom it builds."""
        place = self.directory / "local" / name
        place.mkdir(parents=True)
        then = datetime.datetime.now().timestamp() - hours_ago * 3600
        os.utime(place, (then, then))
        return name

    def standing(self) -> list[str]:
        opened = self.open()
        return [found.name for name in ("local", "other") for found in opened.sandbox(name).find()]

    def reap(self, **options: bool) -> dict[str, str]:
        """Reap, and return what became of each sandbox. Fail if anything went wrong."""
        reaped = reaping.reap(self.open(), PAGER, **options)
        assert reaped.faults == []
        return {fate.found.name: f"{fate.outcome}: {fate.reason}" for fate in reaped.fates}


def drill_of(run: str) -> str:
    return ids.new_drill(now=records.NOON, run=run)


@pytest.fixture
def bed(
    mariadb_source: DatabaseServer,
    make_fleet: MakeFleet,
    sandbox_directory: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    pager: Pager,
    request: pytest.FixtureRequest,
) -> Bed:
    files = make_fleet(mariadb_source, endpoint=pager.url)
    files.connections["pager"]["password"] = ROUTING_KEY
    local = {"kind": "local", "directory": str(sandbox_directory / "local"), "prices": {"local": 2.0}}
    other = {"kind": "local", "directory": str(sandbox_directory / "other")}
    files.document["sandboxes"] = {"local": local, "other": other}
    files.write()
    bed = Bed(files, sandbox_directory, monkeypatch)
    bed.open().store("swift").check()

    def clear() -> None:
        for place in sandbox_directory.glob("*/proven-*"):
            servers.kill_processes(place / "data")

    request.addfinalizer(clear)
    return bed


@pytest.mark.failure("C10")
def test_what_nobody_needs_goes_and_what_somebody_may_need_stays(bed: Bed) -> None:
    expired, ended = bed.build("expired", "other"), bed.build("ended")
    bed.expire(expired, "other")
    kept, ending, running = bed.build("kept"), bed.build("ending"), bed.build("running")
    for run, changes in {"expired": {"kept": True}, "ended": {}, "kept": {"kept": True}}.items():
        bed.conclude(run, **changes)
    bed.conclude("ending", minutes_ago=14)
    young, old = bed.half_build("proven-young", hours_ago=0.9), bed.half_build("proven-old", hours_ago=1.1)
    foreign = [bed.directory / "local" / name for name in ("mysql", "proven_old", "Proven-old", "old-proven-x")]
    for place in foreign:
        place.mkdir()
        os.utime(place, (0, 0))

    said = {
        expired: "destroyed: expired",
        ended: "destroyed: its drill ended unproven",
        kept: "stands: kept on purpose, until it expires",
        ending: "stands: its drill is just ending",
        running: "stands: its drill has had no verdict yet",
        young: "stands: being built",
        old: "destroyed: half built, of no drill that is known",
    }
    would = {name: text.replace("destroyed", "would be destroyed") for name, text in said.items()}
    assert bed.reap(dry_run=True) == would
    assert sorted(bed.standing()) == sorted(said), "a dry run touches nothing"
    assert bed.reap() == said
    assert sorted(bed.standing()) == sorted([kept, ending, running, young])
    assert all(place.is_dir() for place in foreign)
    assert bed.reap() == {name: said[name] for name in (kept, ending, running, young)}


def test_what_is_saved_is_the_price_of_the_time_that_was_left(bed: Bed) -> None:
    bed.build("ended")
    bed.build("unpriced", "other")
    bed.conclude("ended")
    bed.conclude("unpriced")
    done = bed.files.run("reap", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    by_sandbox = {row["sandbox"]: row for row in said["sandboxes"]}
    assert by_sandbox["local"]["saved"] == pytest.approx(2.0 * 12, rel=0.01), "12 h of its lifetime were left, at 2 an hour"
    assert by_sandbox["other"]["saved"] is None, "it has no price"
    assert said["saved"] == by_sandbox["local"]["saved"]
    assert bed.standing() == []


def test_the_table_names_what_was_destroyed(bed: Bed) -> None:
    name = bed.build("ended")
    bed.conclude("ended")
    shown = bed.files.run("reap", "--dry-run", COLUMNS="200").stdout
    assert name in shown
    assert "would be destroyed: its drill ended unproven" in shown
    shown = bed.files.run("reap", COLUMNS="200").stdout
    assert "destroyed: its drill ended unproven" in shown
    assert re.search(r"^saved 2[34]\.\d\d$", shown, re.MULTILINE)
    assert "no sandbox stands" in bed.files.run("reap").stdout


def test_a_cloud_and_a_store_that_give_no_answer_stop_nothing_else_and_are_named(
    bed: Bed, swift: Swift, closed_port: int
) -> None:
    name = bed.build("ended")
    bed.conclude("ended")
    bed.files.connections["cloud"] = {
        "conn_type": "openstack",
        "host": f"http://127.0.0.1:{closed_port}/v3",
        "login": "x",
        "password": "x",
        "extra": {"project_name": "x", "user_domain_name": "Default", "project_domain_name": "Default"},
    }
    bed.files.document["sandboxes"]["cloud"] = {
        "kind": "nova",
        "connection": "cloud",
        "network": "drills",
        "images": {"mariadb-10.11": "debian-12"},
        "sizes": ["m1.small"],
        "worker_networks": ["127.0.0.0/8"],
    }
    bed.files.document["sandboxes"] = dict(sorted(bed.files.document["sandboxes"].items()))
    bed.files.connections["far"] = swift_connection(swift) | {"password": "wrong"}
    bed.files.document["stores"]["far"] = {"kind": "swift", "connection": "far", "container": "far"}
    bed.files.write()
    done = bed.files.run("reap", "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert {row["name"]: row["outcome"] for row in said["sandboxes"]} == {name: "destroyed"}
    named = [fault["what"] for fault in said["faults"]]
    assert [what for what in named if what.startswith("sandbox cloud: ")]
    assert [what for what in named if what.startswith("store far: ")]
    reaped = reaping.reap(bed.open(), PAGER)
    with pytest.raises(ProvenError, match=r"sandbox cloud: .*store far: "):
        reaped.require()


def test_while_no_store_says_whether_a_drill_has_ended_its_sandbox_stands(bed: Bed) -> None:
    name = bed.build("ended")
    bed.conclude("ended")
    bed.files.connections["swift"]["password"] = "wrong"
    bed.files.write()
    reaped = reaping.reap(bed.open(), PAGER)
    assert [fate.outcome for fate in reaped.fates] == ["stands"]
    assert any(fault.what.startswith(f"whether {name} is needed: ") for fault in reaped.faults)


def test_what_comes_back_is_paged_and_resolved_when_it_stays_away(bed: Bed, pager: Pager) -> None:
    name = bed.build("ended")
    bed.conclude("ended")
    assert bed.reap() == {name: "destroyed: its drill ended unproven"}
    assert pager.incidents == [], "once is no leak"

    bed.build("ended")
    done = bed.files.run("reap")
    assert done.returncode == 0, done.stderr
    assert "and had come back" in " ".join(done.stdout.split())
    (incident,) = pager.open
    assert incident.dedup_key == LEAK
    assert f"{name} was destroyed at" in incident.payload["summary"]

    bed.build("ended")
    bed.reap()
    assert len(pager.incidents) == 1, "one incident, however often"
    assert len(incident.events) == 2

    assert bed.reap() == {}
    assert pager.open == []


@pytest.mark.failure("C10")
def test_what_cannot_be_destroyed_is_paged_until_it_is_gone(bed: Bed, pager: Pager, monkeypatch: pytest.MonkeyPatch) -> None:
    name = bed.build("ended")
    bed.conclude("ended")
    kind = type(bed.open().sandbox("local"))

    def refuse(self: object, name: str) -> bool:
        raise SandboxError("sandbox local: the volume is in use", detail="req-4711")

    with monkeypatch.context() as patched:
        patched.setattr(kind, "destroy", refuse)
        (fate,) = reaping.reap(bed.open(), PAGER).fates
    assert (fate.outcome, fate.saved) == ("not destroyed", None)
    (incident,) = pager.open
    assert incident.dedup_key == LEAK
    assert f"{name} can't be destroyed: sandbox local: the volume is in use" in incident.payload["summary"]
    assert "req-4711" in json.dumps(incident.payload)
    bed.reap()
    assert bed.standing() == []
    assert len(pager.open) == 1, "it was there a moment ago"
    bed.reap()
    assert pager.open == []


def test_a_page_that_could_not_be_resolved_is_resolved_by_the_next_run(bed: Bed, pager: Pager) -> None:
    bed.build("ended")
    bed.conclude("ended")
    bed.reap()
    bed.build("ended")
    bed.reap()
    assert len(pager.open) == 1
    pager.answer_next(400)
    (fault,) = reaping.reap(bed.open(), PAGER).faults
    assert "answers 400" in fault.what
    assert len(pager.open) == 1
    bed.reap()
    assert pager.open == []


def test_the_memory_is_signed_and_a_forged_one_is_not_believed(bed: Bed) -> None:
    bed.build("ended")
    bed.conclude("ended")
    bed.reap()
    store = bed.open().store("swift")
    content = store.get_record(".reaper/local.json")
    store.delete_record(".reaper/local.json")
    store.put_record(".reaper/local.json", content.replace(b"proven-", b"proven-x"), keep=False)
    reaped = reaping.reap(bed.open(), PAGER)
    assert ["can't be trusted" in fault.what for fault in reaped.faults] == [True]


def test_leftovers_in_the_stores_are_swept(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bed.open().store("swift")
    folder = "shop/20200101T000000Z-full-00000000"
    store.put_record(f"{folder}/manifest.json.asc", b"x", keep=False)
    reaped = reaping.reap(bed.open(), PAGER)
    assert [(leftover.state, removed) for leftover, removed in reaped.leftovers] == [("under way", 0)]
    monkeypatch.setattr("include.proven.sweeping.SILENCE", datetime.timedelta(seconds=1))
    bed.files.document["databases"]["shop"]["backup_time_limit"] = "1s"
    bed.files.write()
    time.sleep(1.5)
    assert [removed for _, removed in reaping.reap(bed.open(), PAGER, dry_run=True).leftovers] == [0]
    assert [removed for _, removed in reaping.reap(bed.open(), PAGER).leftovers] == [1]
    assert not list(store.list_objects(folder))


def test_the_directory_of_a_killed_builder_goes_with_its_server(bed: Bed) -> None:
    """A builder that was killed has perhaps started a server already."""
    name = bed.build("lost")
    (bed.directory / "local" / name / "sandbox.json").unlink()
    then = datetime.datetime.now().timestamp() - 7200
    os.utime(bed.directory / "local" / name, (then, then))
    assert bed.reap() == {name: "destroyed: half built, of no drill that is known"}
    assert servers.find_processes(bed.directory / "local" / name / "data") == []
    shutil.rmtree(bed.directory / "local", ignore_errors=True)


def test_an_installation_before_its_first_backup_pages_nobody(bed: Bed, pager: Pager) -> None:
    bed.files.document["stores"]["swift"]["container"] = "never-made"
    bed.files.write()
    assert reaping.reap(bed.open(), PAGER).faults == []
    assert pager.incidents == []
