"""A user check's query: columns and rows as text, at most 100, and not for ever."""

from __future__ import annotations

import time
from typing import Any

import pytest

from include.proven import agent_client, errors
from tests.servers.databases import DatabaseServer

NUMBERS = (
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, REPEAT('x', 1000) AS x FROM n"
)


def ask(server: DatabaseServer, sql: str, schema: str = "", time_limit: float = 10.0) -> dict[str, Any]:
    job = {"protocol": 1, "job": "query", "source": server.admin, "tools": server.tools}
    return agent_client.run({**job, "sql": sql, "schema": schema, "time_limit": time_limit})


def test_columns_and_rows_come_as_text(source: DatabaseServer) -> None:
    answer = ask(source, "-- how many?\nSELECT 1 AS `a b`, NULL AS n, 'tab\there' AS t;\n")
    assert answer["columns"] == ["a b", "n", "t"]
    assert answer["rows"] == [["1", None, "tab\there"]]


def test_at_most_100_rows(source: DatabaseServer) -> None:
    answer = ask(source, NUMBERS)
    assert [row[0] for row in answer["rows"]] == [str(number) for number in range(1, 101)]


def test_no_rows(source: DatabaseServer) -> None:
    assert ask(source, "SELECT 1 FROM DUAL WHERE FALSE")["rows"] == []


def test_it_runs_in_the_schema_that_was_asked_for(source: DatabaseServer) -> None:
    source.sql("CREATE DATABASE IF NOT EXISTS `odd name-1`")
    assert ask(source, "SELECT DATABASE()", "odd name-1")["rows"] == [["odd name-1"]]


def test_a_query_that_is_wrong(source: DatabaseServer) -> None:
    with pytest.raises(errors.SourceError) as caught:
        ask(source, "SELECT nothing FROM nowhere.at_all")
    assert "nowhere" in caught.value.detail


def test_a_query_that_takes_too_long(source: DatabaseServer) -> None:
    started = time.monotonic()
    slow = "SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c"
    with pytest.raises(errors.SourceError, match="not done within 1 s"):
        ask(source, slow, time_limit=1.0)
    assert time.monotonic() - started < 9
