"""What an engine's dump and client options promise: one snapshot, every object, the same bytes after a round trip."""

from __future__ import annotations

import time

from include.proven.engines import engine
from tests.engines.dumps import dump, load, make_objects
from tests.servers.databases import DatabaseServer


def test_round_trip_changes_no_byte(source: DatabaseServer) -> None:
    schema = make_objects(source)
    before = dump(source, source.endpoint, schema)
    source.sql(f"DROP DATABASE `{schema}`")
    load(source, before)
    assert dump(source, source.endpoint, schema) == before
    for part in (
        b"-- a comment; with a semicolon\r\n",
        b"# and a third\r\n",
        "😀".encode(),
        b"PROCEDURE",
        b"FUNCTION",
        b"EVENT",
        b"TRIGGER",
    ):
        assert part in before


def test_snapshot_marker_comes_after_the_snapshot_is_open(source: DatabaseServer) -> None:
    schema = source.fresh_schema()
    source.sql("CREATE TABLE t (i INT)", schema)
    log = source.process.socket.with_name("general.log")
    source.sql(f"SET GLOBAL general_log_file = '{log}'; SET GLOBAL general_log = 1")
    try:
        done = dump(source, source.endpoint, schema).decode()
    finally:
        source.sql("SET GLOBAL general_log = 0")
    said = log.read_text()
    log.unlink()
    snapshot = said.index("START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */")
    assert snapshot < said.index("SHOW CREATE DATABASE")
    marker = engine(source.flavour).tools().snapshot_marker
    assert done.index(marker) < done.index("CREATE DATABASE"), "the marker is not the header's: it names the first schema"


def test_dump_ends_with_the_end_marker(source: DatabaseServer) -> None:
    done = source.run([*source.tools["dump"], "--databases", source.fresh_schema()], source.endpoint)
    assert done.stdout.rstrip(b"\n").rpartition(b"\n")[2].startswith(engine(source.flavour).tools().end_marker.encode())


def test_history_of_system_versioned_tables_is_kept(mariadb_source: DatabaseServer) -> None:
    schema = mariadb_source.fresh_schema()
    mariadb_source.sql("CREATE TABLE t (i INT) WITH SYSTEM VERSIONING; INSERT INTO t VALUES (1); UPDATE t SET i = 2", schema)
    query = "SELECT i, row_start, row_end FROM t FOR SYSTEM_TIME ALL ORDER BY i"
    history = mariadb_source.sql(query, schema)
    assert len(history) == 2
    time.sleep(0.01)
    load(mariadb_source, dump(mariadb_source, mariadb_source.endpoint, schema))
    assert mariadb_source.sql(query, schema) == history


def test_client_runs_no_command_that_a_dump_holds(source: DatabaseServer) -> None:
    done = source.run(source.tools["client"], source.admin, b"\\! echo broken out\nsystem echo broken out\n")
    assert b"broken out\n" not in done.stdout
