"""Questions are answered by the source in one snapshot; one that fails has a reason for its answer, and loses no other."""

from __future__ import annotations

import re
import time

import pytest

from include.proven.agent.processes import CommandLog
from include.proven.agent.protocol import Question
from include.proven.agent.questions import Questions
from tests.servers.databases import DatabaseServer

SLOW = "SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c"


@pytest.fixture(scope="module")
def schema(source: DatabaseServer) -> str:
    name = source.fresh_schema("asked")
    source.sql("CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20)); INSERT INTO orders VALUES (1, 'paid')", name)
    return name


def question(name: str, sql: str, time_limit: float = 10.0) -> Question:
    return Question(name=name, sql=sql, time_limit=time_limit)


def opened(source: DatabaseServer, *questions: Question) -> Questions:
    asked = Questions(questions, source.tools, source.endpoint, CommandLog())
    asked.open_snapshot()
    return asked


def test_answers_are_of_the_moment_of_the_snapshot(source: DatabaseServer, schema: str) -> None:
    count = f"SELECT COUNT(*) AS orders, MIN(status) AS status FROM {schema}.orders"
    asked = opened(source, question("orders", count), question("none", f"SELECT id FROM {schema}.orders WHERE id < 0"))
    source.sql("INSERT INTO orders VALUES (2, 'open')", schema)
    assert asked.ask() == {
        "orders": {"sql": count, "columns": ["orders", "status"], "rows": [["1", "paid"]], "error": ""},
        "none": {"sql": f"SELECT id FROM {schema}.orders WHERE id < 0", "columns": ["id"], "rows": [], "error": ""},
    }
    source.sql("DELETE FROM orders WHERE id = 2", schema)


def test_a_question_that_fails_loses_neither_snapshot_nor_others(source: DatabaseServer, schema: str) -> None:
    asked = opened(
        source,
        question("gone", "SELECT nothing FROM nowhere.at_all"),
        question("slow", SLOW, 1.0),
        question("long", f"SELECT a.id FROM {schema}.orders a, information_schema.COLUMNS b"),
        question("writes", f"DELETE FROM {schema}.orders"),
        question("well", f"SELECT id / 0 AS warned, 'Error' AS Level, id FROM {schema}.orders"),
    )
    source.sql("INSERT INTO orders VALUES (3, 'open')", schema)
    answers = asked.ask()
    assert "nowhere" in answers["gone"]["error"]
    assert re.search("ERROR (1969|3024)", answers["slow"]["error"])
    assert answers["long"]["error"] == "answers with more than 100 rows"
    assert answers["writes"]["error"]
    assert answers["well"]["rows"] == [[None, "Error", "1"]]
    assert [answers[name]["rows"] for name in ("gone", "slow", "long", "writes")] == [[], [], [], []]
    source.sql("DELETE FROM orders WHERE id = 3", schema)


def test_a_lost_connection_is_told_and_not_waited_for(source: DatabaseServer, schema: str) -> None:
    asked = opened(source, question("first", f"SELECT id FROM {schema}.orders"), question("second", "SELECT 1"))
    asked.cut()
    begun = time.monotonic()
    answers = asked.ask()
    assert time.monotonic() - begun < 5
    assert "connection" in answers["first"]["error"] or "failed" in answers["first"]["error"]
    assert "'first'" in answers["second"]["error"]


def test_an_account_that_may_not_log_in_is_told(source: DatabaseServer) -> None:
    wrong = {**source.endpoint, "password": "wrong"}
    asked = Questions([question("orders", "SELECT 1")], source.tools, wrong, CommandLog())
    asked.open_snapshot()
    assert "access denied" in asked.ask()["orders"]["error"]


def test_without_questions_nothing_is_connected(source: DatabaseServer) -> None:
    log = CommandLog()
    asked = Questions([], source.tools, {**source.endpoint, "password": "wrong"}, log)
    asked.open_snapshot()
    assert asked.ask() == {}
    assert log.as_list() == []
