"""A dump by several tools at once, taken while others write, is proven; as plain SQL it can be loaded by hand."""

from __future__ import annotations

import pathlib
import threading

import pytest

from include.proven import backup, drill, ids, restore
from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet

NOISE = ", ".join(["SHA2(RAND(), 512)"] * 14)
SHOP = f"""
CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, secret VARCHAR(2000), code INT NOT NULL, UNIQUE KEY by_code (code),
  KEY by_secret (secret(20) DESC, code)) ENGINE=InnoDB;
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, person INT, secret VARCHAR(2000), KEY by_secret (secret(20)),
  CONSTRAINT of_person FOREIGN KEY (person) REFERENCES people (code) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE searched (id INT PRIMARY KEY, words TEXT, person INT, FULLTEXT KEY (words),
  FOREIGN KEY (person) REFERENCES people (code)) ENGINE=InnoDB;
CREATE TABLE loose (id INT PRIMARY KEY, words TEXT, KEY (words(9))) ENGINE=MyISAM;
CREATE VIEW hinted AS SELECT id FROM people USE INDEX (by_secret);
CREATE VIEW above AS SELECT COUNT(*) AS n FROM hinted;
CREATE TRIGGER counted BEFORE INSERT ON orders FOR EACH ROW SET NEW.person = COALESCE(NEW.person, 10);
CREATE FUNCTION two() RETURNS INT DETERMINISTIC RETURN 2;
INSERT INTO people (secret, code) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 990)
  SELECT CONCAT({NOISE}), i * 10 + four.j FROM n, (SELECT 0 j UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) four;
INSERT INTO orders (person, secret) SELECT code, REVERSE(secret) FROM people;
INSERT INTO searched VALUES (1, 'some words', 10), (2, 'others', NULL);
INSERT INTO loose VALUES (1, 'some words');
ANALYZE TABLE people, orders;
"""
"""Two tables that are large enough for an artifact, and for indexes that come later."""


def test_a_dump_by_three_tools_under_writes_is_proven(
    source: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    schema = source.fresh_schema("shop")
    source.sql("SET GLOBAL log_bin_trust_function_creators = ON;" + SHOP, schema)
    opened = make_fleet(source, schemas=[schema], parallel=3).open(monkeypatch)
    stop, written, session = threading.Event(), [0], Session(source.tools, source.admin, CommandLog())

    def write() -> None:
        # rows move from one lane's table to another's: lanes of two moments would not agree
        while not stop.is_set():
            session.execute(f"INSERT INTO `{schema}`.people (secret, code) SELECT 'new', MAX(code) + 1 FROM `{schema}`.people")
            session.execute(f"DELETE FROM `{schema}`.people WHERE id > 4990")
            session.execute(f"INSERT INTO `{schema}`.orders (secret) VALUES ('new')")
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        manifest = backup.take_backup(opened, "shop", backup.new_id()).manifest
        assert writer.is_alive()
    finally:
        stop.set()
        writer.join()
        session.close()
    roles = [artifact.role for artifact in manifest.artifacts]
    assert roles == ["accounts", "definitions", *["rows"] * roles.count("rows"), "triggers", "grants"]
    assert roles.count("rows") >= 3

    verdict = drill.run(opened, drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, "swift", "local"))
    assert verdict.outcome == "proven", verdict.reason

    files = restore.write_sql(opened, manifest, tmp_path / "out", store="swift")
    assert [file.name for file in files] == sorted(file.name for file in files)
    source.sql(f"DROP DATABASE `{schema}`")
    source.sql("".join(file.read_text() for file in files if "accounts" not in file.name and "grants" not in file.name))
    assert source.sql(f"SELECT n FROM `{schema}`.above") == source.sql(f"SELECT COUNT(*) FROM `{schema}`.people")
    assert int(source.sql(f"SELECT COUNT(*) FROM `{schema}`.orders")[0][0]) < 4950 + written[0]
