"""A user's check of a sandbox: asked by an account that may only read, and it tells whether any table is read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import agent_client, errors
from tests.agent.test_query import NUMBERS
from tests.servers.databases import DatabaseServer


def ask(server: DatabaseServer, sql: str, time_limit: float = 10.0) -> dict[str, Any]:
    job = {"protocol": 1, "job": "user_check", "source": server.admin, "tools": server.tools}
    return agent_client.run({**job, "sql": sql, "time_limit": time_limit})


@pytest.fixture(scope="module")
def written(source: DatabaseServer) -> Iterator[str]:
    """A schema with a table, a view on it, a function that reads it, and two that write: into InnoDB and past transactions."""
    schema = source.fresh_schema("query")
    engine = "MyISAM"
    source.sql(
        "CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2), (3);"
        f"CREATE TABLE log (id INT) ENGINE={engine};"
        "CREATE VIEW latest AS SELECT MAX(id) AS id FROM orders;"
        "SET GLOBAL log_bin_trust_function_creators = 1;"
        "CREATE FUNCTION how_many() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM orders);"
        "\nDELIMITER ;;\n"
        "CREATE FUNCTION forget() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM orders; RETURN 1; END;;\n"
        "CREATE FUNCTION note() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO log VALUES (1); RETURN 1; END;;\n"
        "DELIMITER ;\n",
        schema,
    )
    yield schema
    source.sql(f"DROP DATABASE `{schema}`")
    for (name,) in source.sql("SELECT User FROM mysql.user WHERE User LIKE 'proven\\_check\\_%'"):
        source.sql(f"DROP USER {name}@localhost")


def test_all_rows_are_counted_and_a_hundred_returned(source: DatabaseServer, written: str) -> None:
    answer = ask(source, NUMBERS)
    assert [row[0] for row in answer["rows"]] == [str(number) for number in range(1, 101)]
    assert (answer["columns"], answer["count"]) == (["i", "x"], 900)


def test_no_rows(source: DatabaseServer, written: str) -> None:
    answer = ask(source, f"SELECT id FROM {written}.orders WHERE id > 7; ")
    assert (answer["columns"], answer["rows"], answer["count"]) == (["id"], [], 0)


def test_a_check_that_takes_too_long(source: DatabaseServer, written: str) -> None:
    started = time.monotonic()
    slow = "SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c"
    with pytest.raises(errors.SourceError, match="not done within 1 s"):
        ask(source, slow, time_limit=1.0)
    assert time.monotonic() - started < 9


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1", False),
        ("SELECT (SELECT 2) + 1 AS three", False),
        ("WITH n AS (SELECT 1 AS i) SELECT i FROM n", False),
        ("(SELECT 1) UNION (SELECT 2)", False),
        (NUMBERS, False),
        ("SELECT * FROM JSON_TABLE('[1,2]', '$[*]' COLUMNS (i INT PATH '$')) AS t", False),
        ("SELECT COUNT(*) = 3 FROM {}.orders", True),
        ("SELECT MAX(id) FROM {}.orders", True),
        ("SELECT COUNT(*) FROM {}.log", True),
        ("SELECT * FROM {}.orders WHERE id IS NULL", True),
        ("SELECT * FROM {}.orders WHERE id = 7", True),
        ("SELECT (SELECT COUNT(*) FROM {}.orders) = 3", True),
        ("SELECT 1 UNION ALL SELECT id FROM {}.orders", True),
        ("SELECT id FROM {}.latest", True),
        ("SELECT COUNT(*) FROM mysql.user", True),
    ],
)
def test_the_plan_tells_whether_a_table_is_read(source: DatabaseServer, written: str, sql: str, reads: bool) -> None:
    assert ask(source, sql.format(written))["reads_table"] is reads


def test_a_reader_reads_everything(source: DatabaseServer, written: str) -> None:
    sql = f"SELECT {written}.how_many() AS orders, id FROM {written}.latest WHERE (SELECT COUNT(*) FROM mysql.user) > 0"
    assert ask(source, sql)["rows"] == [["3", "3"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {}.forget() FROM {}.orders",
        "SELECT {}.note() FROM {}.orders",
        "SELECT id FROM {}.orders INTO OUTFILE '/var/tmp/proven-test-outfile'",
        "SELECT id FROM {}.orders FOR UPDATE",
        "WITH gone AS (SELECT 1 AS id) DELETE FROM {}.orders",
    ],
)
def test_a_reader_can_write_nothing(source: DatabaseServer, written: str, sql: str) -> None:
    if sql.startswith("WITH") and source.flavour == "mariadb":
        pytest.skip("MariaDB 10.11 has no WITH … DELETE")
    with pytest.raises(errors.SourceError, match="query: refused") as caught:
        ask(source, sql.replace("{}", written))
    assert "reads only" in caught.value.hint
    assert source.sql("SELECT (SELECT COUNT(*) FROM orders), (SELECT COUNT(*) FROM log)", written) == [["3", "0"]]


def test_the_readers_password_shows_nowhere(source: DatabaseServer, written: str) -> None:
    answer = ask(source, "SELECT 1")
    assert "aA1-" not in str(answer)
    assert [command["status"] for command in answer["commands"]] == [0, 0]
