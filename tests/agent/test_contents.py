"""When rows need not be sent again: only if it is sure that they say what they said."""

from __future__ import annotations

from typing import Any

import pytest

from include.proven.agent import fingerprint
from include.proven.agent.client import Session
from include.proven.agent.contents import Contents
from include.proven.agent.tables import Table, list_tables
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer

ENTRY = {"rows": 2, "digest": "0b"}


@pytest.fixture
def schema(source: DatabaseServer) -> str:
    name = source.fresh_schema()
    source.sql("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, x TEXT); INSERT INTO t (x) VALUES ('a'), ('b')", name)
    return name


def told(session: Session, table: Table, entry: dict[str, Any], *, steady: bool = True, flavour: str = "mariadb") -> str:
    """Return what is told of a table's content."""
    name = f"{table.schema}.{table.name}"
    contents = Contents({}, flavour, {name}, patience=None)
    contents.tell(session, table, entry, steady=steady)
    return contents.of(name)


def test_a_digest_is_of_all_that_decides_what_the_rows_say(source: DatabaseServer, schema: str) -> None:
    with open_session(source) as session:
        (table,) = list_tables(session, schema)
        digest = told(session, table, fingerprint.digest_table(session, table))
        source.sql("ALTER TABLE t AUTO_INCREMENT = 1000", schema)
        assert told(session, table, fingerprint.digest_table(session, table)) == digest, "where it counts on is no row's affair"
        seen = {digest, told(session, table, ENTRY), told(session, table, {**ENTRY, "rows": 3})}
        seen |= {told(session, table, {**ENTRY, "digest": "0c"}), told(session, table, ENTRY, flavour="mysql")}
        source.sql("ALTER TABLE t MODIFY x LONGTEXT", schema)
        seen.add(told(session, table, ENTRY))
        assert len(seen) == 6
        assert "" not in seen


def test_rows_that_may_be_others_are_always_sent(source: DatabaseServer, schema: str) -> None:
    with open_session(source) as session:
        (table,) = list_tables(session, schema)
        assert told(session, table, ENTRY, steady=False) == ""
        assert told(session, table, {**ENTRY, "samples": {}}) == ""
        assert told(session, Table(schema, "t", "MyISAM", table.columns), ENTRY) == ""


def test_an_artifact_is_taken_for_its_own_table_only_and_not_waited_for_too_long(source: DatabaseServer, schema: str) -> None:
    name, other = f"{schema}.t", f"{schema}.other"
    with open_session(source) as session:
        (table,) = list_tables(session, schema)
        digest = told(session, table, ENTRY)
        for known, found in (([name], True), ([other], False), ([name, other], False)):
            contents = Contents({digest: {"tables": known}}, "mariadb", {name}, patience=0.01)
            assert contents.find(name) is None, "nothing is known of it yet"
            contents.tell(session, table, ENTRY, steady=True)
            assert (contents.find(name) is not None) == found
