"""A backup by several dump tools: each table comes whole, all of one moment, and what has not changed is not sent again."""

from __future__ import annotations

import pathlib
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import agent_client, errors
from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from include.proven.manifest import Artifact
from tests.agent.jobs import Keys, backup_job, restore_job
from tests.agent.object_server import ObjectServer
from tests.agent.test_bad_source import with_dump
from tests.agent.test_round_trip import inspect
from tests.servers.databases import DatabaseServer

ODD = """
SET sql_mode = '', time_zone = '+02:00';
CREATE FUNCTION f (x INT) RETURNS INT DETERMINISTIC RETURN x + 1;
CREATE TABLE text (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(200), at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
INSERT INTO text (v) VALUES ('a\\n--\\n-- Dumping data for table `gone`\\n--\\n'), ('it''s'), (NULL);
CREATE TABLE `we ird``na.me` (id INT PRIMARY KEY, g INT GENERATED ALWAYS AS (id * 2) STORED, b BLOB);
INSERT INTO `we ird``na.me` (id, b) VALUES (1, x'0a2d2d0a2d2d20');
CREATE TABLE `new
line` (id INT);
INSERT INTO `new
line` VALUES (7);
CREATE TABLE nothing (id INT);
CREATE TABLE Nothing (id INT);
INSERT INTO Nothing VALUES (8);
CREATE TABLE loose (id INT) ENGINE=MyISAM;
INSERT INTO loose VALUES (1), (2);
CREATE TABLE split (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3;
INSERT INTO split VALUES (1), (2), (3);
CREATE TABLE parent (id INT PRIMARY KEY);
CREATE TABLE child (id INT PRIMARY KEY, whose INT, FOREIGN KEY (whose) REFERENCES parent (id));
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1, 1);
CREATE VIEW CHILD AS SELECT id FROM parent;
CREATE VIEW seen AS SELECT v FROM text;
CREATE VIEW also_seen AS SELECT v FROM seen;
CREATE TRIGGER tr BEFORE INSERT ON text FOR EACH ROW SET NEW.v = 'from a trigger';
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;
"""
OF_ONE_FLAVOUR = {
    "mariadb": """
CREATE SEQUENCE counted START WITH 5;
CREATE TABLE numbered (id INT DEFAULT NEXTVAL(counted), k INT);
INSERT INTO numbered (k) VALUES (3), (4);
CREATE TABLE versioned (id INT) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1);
""",
    "mysql": "CREATE TABLE hidden (id INT PRIMARY KEY, h INT INVISIBLE DEFAULT 4); INSERT INTO hidden (id) VALUES (1), (2);",
}
LARGE = (
    "CREATE TABLE {name} (id INT PRIMARY KEY AUTO_INCREMENT, amount BIGINT, pad VARCHAR(1000));"
    "INSERT INTO {name} (amount, pad) VALUES (1000, REPEAT('x', 700));"
    + "INSERT INTO {name} (amount, pad) SELECT amount, pad FROM {name};" * 13
    + "ANALYZE TABLE {name};"
)
MOVE = (
    "START TRANSACTION; UPDATE {0}.giver SET amount = amount - 1 WHERE id = {1};"
    " UPDATE {0}.taker SET amount = amount + 1 WHERE id = {1}; COMMIT"
)
OBJECTS = ("schemas", "tables", "sequences", "views", "routines", "triggers", "events")


@pytest.fixture
def bank(source: DatabaseServer) -> Iterator[str]:
    """A schema with two large tables, alone on its server."""
    source.drop_schemas()
    schema = source.fresh_schema("bank")
    source.sql("".join(LARGE.format(name=name) for name in ("giver", "taker")), schema)
    source.sql("SET GLOBAL net_write_timeout = 1200")  # a lane may wait for most of it
    yield schema
    source.sql("SET GLOBAL net_write_timeout = DEFAULT")
    source.drop_schemas()


def by_role(result: dict[str, Any]) -> dict[str, list[Artifact]]:
    """Return the artifacts of a result, as a manifest takes them."""
    found: dict[str, list[Artifact]] = {}
    for artifact in result["artifacts"]:
        found.setdefault(artifact["role"], []).append(Artifact.model_validate(artifact))
    return found


def test_what_is_restored_is_one_moment_of_all_lanes(
    source: DatabaseServer, bank: str, objects: ObjectServer, keys: Keys
) -> None:
    other = source.fresh_schema("odd")
    source.sql(ODD + OF_ONE_FLAVOUR[source.flavour], other)
    stop, moved = threading.Event(), [0]
    session = Session(source.tools, source.admin, CommandLog())

    def move() -> None:
        while not stop.is_set():
            session.execute(MOVE.format(bank, moved[0] % 8000 + 1))
            moved[0] += 1

    writer = threading.Thread(target=move)
    writer.start()
    try:
        job = backup_job(source.endpoint, source.tools, keys, parallel=3)
        result = agent_client.run(job, signer=objects.signer)
    finally:
        stop.set()
        writer.join()
        session.close()
    artifacts = by_role(result)
    assert list(artifacts) == ["accounts", "definitions", "rows", "triggers", "grants"]
    alone = {artifact.tables[0]: artifact for artifact in artifacts["rows"] if artifact.content}
    assert set(alone) == {f"{bank}.giver", f"{bank}.taker"}
    given = sorted(name for artifact in artifacts["rows"] for name in artifact.tables)
    assert given == sorted(result["fingerprint"]["tables"])
    assert all(re.fullmatch(r"[a-z0-9_.-]+", artifact.name) for artifact in artifacts["rows"])

    source.drop_schemas()
    restored = agent_client.run(restore_job(result, objects, keys, source.tools, source.admin))
    seen = inspect(source, result["schemas"], "fingerprint", "inventory")
    digests = {name: (table["rows"], table["digest"]) for name, table in result["fingerprint"]["tables"].items()}
    assert digests == {name: (table["rows"], table["digest"]) for name, table in seen["fingerprint"]["tables"].items()}
    assert {kind: seen["inventory"][kind] for kind in OBJECTS} == {kind: result["inventory"][kind] for kind in OBJECTS}
    ((total,),) = source.sql(f"SELECT (SELECT SUM(amount) FROM {bank}.giver) + (SELECT SUM(amount) FROM {bank}.taker)")
    assert int(total) == 2 * 8192 * 1000
    assert moved[0] > 1
    assert restored["plain_bytes"] == sum(artifact["plain_bytes"] for artifact in result["artifacts"])


def test_rows_that_have_not_changed_are_not_sent_again(
    source: DatabaseServer, bank: str, objects: ObjectServer, keys: Keys
) -> None:
    def take(known: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        del objects.signer.signed[:]
        job = backup_job(source.endpoint, source.tools, keys, parallel=2, known=known)
        rows = [found for found in agent_client.run(job, signer=objects.signer)["artifacts"] if found.get("content")]
        return {artifact["tables"][0]: artifact for artifact in rows}

    first = take({})
    giver, taker = first[f"{bank}.giver"], first[f"{bank}.taker"]
    known = {artifact["content"]: {**artifact, "at": "first"} for artifact in (giver, taker)}
    source.sql(f"UPDATE {bank}.taker SET pad = CONCAT('y', SUBSTRING(pad, 2)) WHERE id = 77")
    second = take(known)
    assert second[f"{bank}.giver"] == known[giver["content"]]
    assert giver["name"] not in {name for name, _ in objects.signer.signed}
    assert second[f"{bank}.taker"]["content"] not in {"", taker["content"]}
    assert second[f"{bank}.taker"]["name"] in {name for name, _ in objects.signer.signed}

    # whose rows an artifact says it holds decides, too; and what a column is
    source.sql(f"ALTER TABLE {bank}.taker MODIFY amount BIGINT NOT NULL")
    changed = second[f"{bank}.taker"]
    third = take({giver["content"]: {**giver, "at": "x", "tables": [f"{bank}.taker"]}, changed["content"]: changed})
    assert {name for name, _ in objects.signer.signed} >= {giver["name"], changed["name"]}
    assert third[f"{bank}.giver"]["content"] == giver["content"]
    assert third[f"{bank}.taker"]["content"] != changed["content"]


@pytest.mark.failure("C3")
def test_a_lane_that_is_killed_fails_the_whole(
    source: DatabaseServer, bank: str, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path
) -> None:
    script = 'case "$*" in *ignore-table*taker*) real "$@" | head -c 2000000; kill -KILL $$;; esac; real "$@"'
    job = backup_job(source.endpoint, with_dump(source, tmp_path, script), keys, parallel=2)
    with pytest.raises(errors.ToolError, match="odd-dump was killed by SIGKILL"):
        agent_client.run(job, signer=objects.signer)


@pytest.mark.failure("C3")
def test_a_table_that_is_altered_between_its_definition_and_its_rows_is_refused(
    source: DatabaseServer, bank: str, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path
) -> None:
    wait = f"until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    script = f'case "$*" in *--no-data*) real "$@"; touch {tmp_path}/dumped; exit;; *--databases*) {wait};; esac; real "$@"'

    def alter() -> None:
        while not (tmp_path / "dumped").exists():
            time.sleep(0.05)
        source.sql("ALTER TABLE taker ADD COLUMN more INT DEFAULT 1 AFTER id", bank)
        (tmp_path / "go").touch()

    hand = threading.Thread(target=alter)
    hand.start()
    job = backup_job(source.endpoint, with_dump(source, tmp_path, script), keys, parallel=2, lock_seconds=60.0)
    with pytest.raises(errors.SourceError, match="altered while they were dumped"):
        agent_client.run(job, signer=objects.signer)
    hand.join()
