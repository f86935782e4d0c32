"""The moment of the backup: what is locked and for how long, and what is said where nothing may be."""

from __future__ import annotations

import contextlib
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.proven import agent_client, errors, servers
from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from include.proven.manifest import Lock, Position
from include.proven.proof.compare import compare_fingerprints
from tests.agent.jobs import Keys, backup_job, restore_job
from tests.agent.object_server import ObjectServer
from tests.servers.databases import DatabaseServer

KIND = {"mariadb": "backup stage", "mysql": "read lock"}
LOOSE = {"mariadb": ("MyISAM", "Aria"), "mysql": ("MyISAM",)}
TABLES = "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, n INT); INSERT INTO orders (n) VALUES (1);" + (
    "CREATE TABLE quiet (id INT PRIMARY KEY, n INT); INSERT INTO quiet VALUES (1, 1);"
)

Backup = Callable[..., dict[str, Any]]


@pytest.fixture
def schema(source: DatabaseServer) -> Iterator[str]:
    source.drop_schemas()
    name = source.fresh_schema("shop")
    source.sql(TABLES, name)
    yield name
    source.drop_schemas()


@pytest.fixture
def backup(source: DatabaseServer, schema: str, objects: ObjectServer, keys: Keys) -> Backup:
    def run(**changes: Any) -> dict[str, Any]:
        return agent_client.run({**backup_job(source.endpoint, source.tools, keys), **changes}, signer=objects.signer)

    return run


@contextlib.contextmanager
def writing(source: DatabaseServer, schema: str, *tables: str) -> Iterator[None]:
    """Write into each of the tables all the time, from a session of its own."""
    stop, begun = threading.Event(), threading.Semaphore(0)

    def write(session: Session, table: str) -> None:
        session.execute("SET SESSION lock_wait_timeout = 60")
        while not stop.is_set():
            session.execute(f"INSERT INTO `{schema}`.`{table}` (n) VALUES (7)")
            # who waits for this one goes before readers, if only the lock of LOCK TABLES is in its way
            session.execute(f"UPDATE `{schema}`.`{table}` SET n = n + 1 WHERE id = 1")
            begun.release()
        session.close()

    sessions = [(Session(source.tools, source.admin, CommandLog()), table) for table in tables]
    writers = [threading.Thread(target=write, args=each) for each in sessions]
    for writer in writers:
        writer.start()
        begun.acquire()
    try:
        yield
    finally:
        stop.set()
        for writer in writers:
            writer.join()


@contextlib.contextmanager
def without(source: DatabaseServer, privilege: str) -> Iterator[None]:
    source.sql(f"REVOKE {privilege} ON *.* FROM proven@'127.0.0.1'")
    try:
        yield
    finally:
        source.sql(f"GRANT {privilege} ON *.* TO proven@'127.0.0.1'")


def restored(source: DatabaseServer, result: dict[str, Any], objects: ObjectServer, keys: Keys) -> dict[str, Any]:
    """Restore over the dropped schemas and return the copy's fingerprint."""
    source.drop_schemas()
    agent_client.run(restore_job(result, objects, keys, source.tools, source.admin))
    look = {"protocol": 1, "job": "inspect", "source": source.admin, "tools": source.tools, "schemas": result["schemas"]}
    found: dict[str, Any] = agent_client.run(
        {**look, "take": ["fingerprint"], "like": result["fingerprint"], "time_limit": 60, "log": ""}
    )
    return found["fingerprint"]  # type: ignore[no-any-return] # JSON


def slow_dump(source: DatabaseServer, directory: pathlib.Path) -> dict[str, Any]:
    """Return tools whose dump stops for a second when its snapshot is open, far from its end."""
    real = servers.find_program(source.tools["dump"][0], source.path)
    file = directory / "slow-dump"
    file.write_text(f'#!/bin/bash\nset -o pipefail\n"{real}" "$@" | {{ head -c 1500; sleep 1; cat; }}\n')
    file.chmod(0o755)
    return {**source.tools, "dump": [str(file), *source.tools["dump"][1:]]}


def late_dump(source: DatabaseServer, directory: pathlib.Path) -> dict[str, Any]:
    """Return tools whose dump says a second late that its snapshot is open: the two others are as far apart, on any machine."""
    real = servers.find_program(source.tools["dump"][0], source.path)
    file = directory / "late-dump"
    file.write_text(f'#!/bin/bash\nset -o pipefail\n"{real}" "$@" | {{ sleep 1; cat; }}\n')
    file.chmod(0o755)
    return {**source.tools, "dump": [str(file), *source.tools["dump"][1:]]}


def make_loose(source: DatabaseServer, schema: str) -> list[str]:
    """Make a table in each engine without snapshots, dumped after a large one; return their names."""
    rows = "INSERT INTO a_ballast (x) SELECT REPEAT('x', 200) FROM a_ballast;"
    source.sql(
        "CREATE TABLE a_ballast (id INT PRIMARY KEY AUTO_INCREMENT, x TEXT); INSERT INTO a_ballast (x) VALUES ('1');"
        + rows * 13,
        schema,
    )
    found = [f"z_{engine.lower()}" for engine in LOOSE[source.flavour]]
    for engine, table in zip(LOOSE[source.flavour], found, strict=True):
        # larger than what it follows: MariaDB's tool dumps by size
        source.sql(
            f"CREATE TABLE {table} (id INT PRIMARY KEY AUTO_INCREMENT, n INT, x TEXT) ENGINE={engine};"
            f"INSERT INTO {table} (n, x) SELECT id, REPEAT('y', 400) FROM a_ballast",
            schema,
        )
    return found


def test_the_lock_is_the_lightest_there_is_and_short(source: DatabaseServer, backup: Backup) -> None:
    lock = Lock.model_validate(backup()["lock"])
    assert lock.kind == KIND[source.flavour]
    assert 0 < lock.held_seconds < 1
    assert lock.tables == []


def test_a_long_query_does_not_hold_up_the_lock_of_mariadb(
    mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys
) -> None:
    schema = mariadb_source.fresh_schema()
    mariadb_source.sql(TABLES, schema)
    busy = threading.Thread(target=lambda: mariadb_source.sql("SELECT SLEEP(4) FROM quiet", schema))
    busy.start()
    time.sleep(0.3)
    job = backup_job(mariadb_source.endpoint, mariadb_source.tools, keys, schemas=[schema], lock_seconds=2.0)
    assert agent_client.run(job, signer=objects.signer)["lock"]["waited_seconds"] < 2
    busy.join()


def test_without_a_binary_log_there_is_no_position(backup: Backup) -> None:
    position = Position.model_validate(backup()["position"])
    assert (position.file, position.offset) == ("", 0)


@pytest.mark.failure("A14")
def test_a_server_that_is_not_one_of_those_named_is_refused(
    source: DatabaseServer, backup: Backup, objects: ObjectServer
) -> None:
    known = backup()["server"]
    objects.parts.clear()
    assert backup(servers=["another", known["identity"]])["server"] == known
    objects.parts.clear()
    with pytest.raises(errors.SourceError, match="another server") as caught:
        backup(servers=["another"])
    assert known["identity"] in caught.value.what
    assert known["hostname"] in caught.value.what
    assert not objects.parts


def test_an_account_that_may_not_lock_is_told_both_ways_out(source: DatabaseServer, backup: Backup) -> None:
    with without(source, "RELOAD"), pytest.raises(errors.SourceError, match="may not take the read lock") as caught:
        backup()
    assert "GRANT RELOAD ON *.*" in caught.value.hint
    assert "lock: if-allowed" in caught.value.hint


@pytest.mark.parametrize("parallel", [1, 2])
def test_without_a_lock_what_was_written_is_named_and_the_rest_proven(
    source: DatabaseServer,
    schema: str,
    backup: Backup,
    objects: ObjectServer,
    keys: Keys,
    tmp_path: pathlib.Path,
    parallel: int,
) -> None:
    with without(source, "RELOAD"), writing(source, schema, "orders"):
        result = backup(lock="if-allowed", tools=late_dump(source, tmp_path), parallel=parallel)
    assert Lock.model_validate(result["lock"]).kind == "none"
    tables = result["fingerprint"]["tables"]
    assert {name for name, table in tables.items() if table.get("unsteady")} == {f"{schema}.orders"}

    copy = restored(source, result, objects, keys)
    check = compare_fingerprints(result["fingerprint"], copy)
    assert check.outcome == "pass"
    if copy["tables"][f"{schema}.orders"]["digest"] != tables[f"{schema}.orders"]["digest"]:
        assert f"{schema}.orders" in check.not_covered[0]
    copy["tables"][f"{schema}.quiet"]["digest"] = "0"
    assert compare_fingerprints(result["fingerprint"], copy).outcome == "fail"


def test_with_a_lock_nothing_is_unsteady_though_it_need_not_be_had(source: DatabaseServer, schema: str, backup: Backup) -> None:
    with writing(source, schema, "orders"):
        result = backup(lock="if-allowed")
    assert result["lock"]["kind"] == KIND[source.flavour]
    assert not any(table.get("unsteady") for table in result["fingerprint"]["tables"].values())


@pytest.mark.failure("A5")
@pytest.mark.parametrize("parallel", [1, 2])
def test_tables_in_no_snapshot_are_of_the_same_moment(
    source: DatabaseServer,
    schema: str,
    backup: Backup,
    objects: ObjectServer,
    keys: Keys,
    tmp_path: pathlib.Path,
    parallel: int,
) -> None:
    tables = make_loose(source, schema)
    with writing(source, schema, "orders", *tables):
        result = backup(tools=slow_dump(source, tmp_path), parallel=parallel)
    assert result["lock"]["tables"] == sorted(f"{schema}.{table}" for table in tables)
    assert result["lock"]["held_seconds"] < 1  # others have not waited for the dump
    check = compare_fingerprints(result["fingerprint"], restored(source, result, objects, keys))
    assert (check.outcome, check.differences) == ("pass", [])


@pytest.mark.failure("A5")
def test_where_nobody_waits_they_are_of_several_moments(
    source: DatabaseServer, schema: str, backup: Backup, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path
) -> None:
    tables = make_loose(source, schema)
    with writing(source, schema, *tables):
        result = backup(tools=slow_dump(source, tmp_path), non_transactional="report")
    assert result["lock"]["tables"] == []
    check = compare_fingerprints(result["fingerprint"], restored(source, result, objects, keys))
    assert check.outcome == "fail"
    assert all("not in the snapshot" in line for line in check.differences)


def test_tables_in_no_snapshot_need_a_privilege_or_a_choice(source: DatabaseServer, schema: str, backup: Backup) -> None:
    make_loose(source, schema)
    with without(source, "LOCK TABLES"):
        with pytest.raises(errors.SourceError, match="tables that are in no snapshot") as caught:
            backup()
        assert "GRANT LOCK TABLES" in caught.value.hint
        assert "non_transactional: report" in caught.value.hint
        assert backup(non_transactional="report")["lock"]["tables"] == []
    source.sql("INSERT INTO orders (n) VALUES (2)", schema)  # nothing is locked any more
