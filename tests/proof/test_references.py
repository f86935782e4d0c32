"""All that objects refer to is there: views open, definers exist. What was broken on the source refutes no copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from include.proven.agent import inventory, references
from include.proven.proof.engine_checks import judge_references
from include.proven.proof.verdict import Check
from tests.proof.copies import Pair, open_session, take_inventory
from tests.servers.databases import DatabaseServer

OBJECTS = """
CREATE TABLE t (id INT PRIMARY KEY, a INT);
CREATE DEFINER=rememberer@localhost VIEW v AS SELECT id, a FROM t;
CREATE SQL SECURITY INVOKER VIEW `odd ``name` AS SELECT id FROM t;
CREATE DEFINER=rememberer@localhost PROCEDURE p() SELECT 1;
CREATE DEFINER=rememberer@localhost TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1;
CREATE DEFINER=rememberer@localhost EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 00:00:00' DO DELETE FROM t;
"""
GONE = "its definer rememberer@localhost does not exist"


@pytest.fixture
def schema(source: DatabaseServer) -> Iterator[str]:
    schema = source.fresh_schema("refs")
    source.sql(f"CREATE USER rememberer@localhost; GRANT SELECT, UPDATE, TRIGGER ON `{schema}`.* TO rememberer@localhost")
    source.sql(OBJECTS, schema)
    yield schema
    source.sql(f"DROP DATABASE `{schema}`; DROP USER IF EXISTS rememberer@localhost")


def look(server: DatabaseServer, schema: str) -> dict[str, Any]:
    return references.look(lambda: open_session(server), [schema])


def ask(server: DatabaseServer, schema: str, before: dict[str, dict[str, str]]) -> Check:
    return judge_references(before, look(server, schema))


def test_what_is_whole_passes(source: DatabaseServer, schema: str) -> None:
    check = ask(source, schema, take_inventory(source, schema))
    assert (check.outcome, check.differences, check.proves_data) == ("pass", [], False)
    assert check.figure == "2 views opened, 3 programs with their definers"
    assert check.not_covered == [
        "What routines, triggers and events do: they are there as they were defined, and were not run."
    ]


@pytest.mark.failure("A7")
@pytest.mark.failure("C4")
def test_every_object_whose_definer_is_gone_is_named(source: DatabaseServer, schema: str) -> None:
    before = take_inventory(source, schema)
    source.sql("DROP USER rememberer@localhost")
    check = ask(source, schema, before)
    assert check.outcome == "fail"
    assert [line for line in check.differences if not line.startswith("view ")] == [
        f"event {schema}.e: {GONE}",
        f"routine {schema}.p (procedure): {GONE}",
        f"trigger {schema}.tr: {GONE}",
    ]
    (view,) = [line for line in check.differences if line.startswith(f"view {schema}.v: ")]
    assert "definer ('rememberer'@'localhost') does not exist" in view  # the server's own words
    assert check.hint


def test_every_view_that_does_not_open_is_named_in_the_servers_words(source: DatabaseServer, schema: str) -> None:
    before = take_inventory(source, schema)
    source.sql("DROP TABLE t", schema)
    check = ask(source, schema, before)
    assert check.outcome == "fail"
    lines = [
        f"view {schema}.`odd ``name`: View '{schema}.odd `name' references invalid",
        f"view {schema}.v: View '{schema}.v' references",
    ]
    assert [line.startswith(begin) for line, begin in zip(check.differences, lines, strict=True)] == [True, True]


def test_a_view_whose_definer_has_lost_his_rights_does_not_open(source: DatabaseServer, schema: str) -> None:
    before = take_inventory(source, schema)
    source.sql(f"REVOKE SELECT ON `{schema}`.* FROM rememberer@localhost")
    check = ask(source, schema, before)
    assert check.outcome == "fail"
    (line,) = check.differences
    assert line.startswith(f"view {schema}.v: ")
    assert "rights" in line


def test_what_was_broken_on_the_source_is_told_and_refutes_nothing(source: DatabaseServer, schema: str) -> None:
    source.sql("DROP USER rememberer@localhost")
    before = take_inventory(source, schema)
    assert before["broken"][f"routine {schema}.p (procedure)"] == GONE
    check = ask(source, schema, before)
    assert (check.outcome, check.differences) == ("pass", [])
    assert check.not_covered[0].startswith("What was broken on the source already: event ")
    # and nothing else is excused by it
    source.sql("DROP VIEW v; CREATE VIEW w AS SELECT a FROM t; ALTER TABLE t DROP a", schema)
    assert [line.split(":")[0] for line in ask(source, schema, before).differences] == [f"view {schema}.w"]


def test_a_copy_is_asked_the_same(pair: Pair) -> None:
    schema = pair.source.fresh_schema("refs")
    pair.source.sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t", schema)
    pair.copy([schema])
    check = ask(pair.twin, schema, take_inventory(pair.source, schema))
    assert (check.outcome, check.figure) == ("pass", "1 view opened, 0 programs with their definers")
    assert check.not_covered == []


def test_the_source_is_asked_within_its_snapshot(source: DatabaseServer, schema: str) -> None:
    """CHECK TABLE would end it; a view that can't be opened must end nothing."""
    source.sql("INSERT INTO t VALUES (1, 1); CREATE TABLE u (id INT); CREATE VIEW w AS SELECT id FROM u; DROP TABLE u", schema)
    with open_session(source, source.endpoint) as session:
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        source.sql("INSERT INTO t VALUES (2, 2)", schema)
        found = inventory.take(session, source.flavour, [schema])
        assert session.query(f"SELECT COUNT(*) FROM `{schema}`.t") == [("1",)]
    assert list(found["broken"]) == [f"view {schema}.w"]
    assert "references invalid" in found["broken"][f"view {schema}.w"]
