"""Rows that have not changed are sent once: every recovery point is a whole one, with and without those before it."""

from __future__ import annotations

import json
import pathlib

import pytest

from include.proven import backup, completing, drill, ids
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.retention import planning, pruning
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet

NOISE = ", ".join(["SHA2(RAND(), 512)"] * 12)
TABLES = f"""
CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, secret VARCHAR(2000), KEY by_secret (secret(20)));
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, person INT, secret VARCHAR(2000),
  CONSTRAINT of_person FOREIGN KEY (person) REFERENCES people (id));
CREATE TABLE small (id INT PRIMARY KEY);
CREATE TRIGGER kept BEFORE DELETE ON orders FOR EACH ROW DELETE FROM small WHERE id = OLD.id;
INSERT INTO people (secret) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
  SELECT CONCAT({NOISE}) FROM n, (SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) AS four;
INSERT INTO orders (person, secret) SELECT id, REVERSE(secret) FROM people;
ANALYZE TABLE people, orders;
"""
"""Two tables that are large enough for an artifact each."""


@pytest.fixture
def files(source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    schema = source.fresh_schema("shop")
    source.sql(TABLES, schema)
    return make_fleet(source, schemas=[schema], parallel=2, retention={"keep_last": 1, "proven": 1})


def sent(manifest: Manifest) -> int:
    return sum(artifact.bytes for artifact in manifest.artifacts if not artifact.at)


def prove(opened: Installation, manifest: Manifest, store: str) -> None:
    drilled = drill.run(opened, drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, store, "local"))
    assert drilled.outcome == "proven", drilled.reason


def test_what_has_not_changed_is_stored_once_and_outlives_who_has_sent_it(
    files: FleetFiles, source: DatabaseServer, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    opened = files.open(monkeypatch)
    first = backup.take_backup(opened, "shop", backup.new_id()).manifest
    second = backup.take_backup(opened, "shop", backup.new_id()).manifest
    assert first.reused == []
    assert {artifact.at for artifact in second.reused} == {first.recovery_point}
    assert sent(second) < 0.05 * sent(first)
    shown = files.run("list", "shop", "--json")
    assert [row["reused_bytes"] > 0 for row in json.loads(shown.stdout)] == [True, False]
    prove(opened, second, "swift")

    source.sql("UPDATE orders SET secret = 'another' WHERE id = 7", second.schemas[-1])
    third = backup.take_backup(opened, "shop", backup.new_id()).manifest
    assert {artifact.at for artifact in third.reused} == {first.recovery_point}, "never a reference to a reference"
    assert sent(second) < sent(third) < sent(first)
    prove(opened, third, "swift")

    outcome = pruning.apply(opened, planning.make_plan(opened, "shop"), asked_by="tests")
    assert outcome.points == {first.recovery_point, second.recovery_point}
    assert sent(second) < outcome.freed < sent(first) + sent(second)
    prove(opened, third, "swift")

    (tmp_path / "disk").mkdir()
    files.add_store("disk", kind="directory", path=str(tmp_path / "disk"))
    opened = files.open(monkeypatch)
    (copied,) = completing.complete(opened, "shop")
    assert copied.sent_bytes == sum(artifact.bytes for artifact in third.artifacts)
    prove(opened, third, "disk")
    fourth = backup.take_backup(opened, "shop", backup.new_id()).manifest
    assert {artifact.at for artifact in fourth.reused} == {first.recovery_point, third.recovery_point}
