"""The fingerprint sees every change of a value, a row or a duplicate, and nothing else."""

# ruff: noqa: E501 - rows read best as rows

from __future__ import annotations

import pytest

from include.proven.agent import fingerprint
from include.proven.agent.client import Row
from include.proven.agent.errors import AgentError
from include.proven.proof.compare import compare_fingerprints
from tests.proof.copies import open_session, take_fingerprint
from tests.servers.databases import DatabaseServer

TABLE = """
DROP TABLE IF EXISTS t;
CREATE TABLE t (
  a INT NULL, b VARCHAR(40) NULL, c VARCHAR(40) CHARACTER SET latin1 NULL, d VARBINARY(40) NULL, e TEXT NULL, f BLOB NULL,
  g DECIMAL(30,10) NULL, h DOUBLE NULL, i DATETIME(6) NULL, j TIMESTAMP NULL, k BIT(20) NULL, l JSON NULL, m GEOMETRY NULL,
  n ENUM('x','y') NULL, o SET('p','q') NULL, hidden INT NULL INVISIBLE, twice INT GENERATED ALWAYS AS (a * 2) VIRTUAL
) CHARACTER SET utf8mb4;
INSERT INTO t (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, hidden) VALUES
  (1, 'one', 'eins', 'uno', 'un', 'I', 1.5, 0.1, '2024-01-01 10:00:00.5', '2024-01-01 10:00:00', 5, '[1]', ST_GeomFromText('POINT(1 2)'), 'x', 'p', 1),
  (2, 'two', 'zwei', 'dos', 'deux', 'II', 2.5, 0.2, '2024-01-02 10:00:00.5', '2024-01-02 10:00:00', 6, '[2]', ST_GeomFromText('POINT(2 2)'), 'y', 'q', 2),
  (3, '', '', '', '', '', 0, 0, NULL, NULL, 0, NULL, NULL, NULL, '', NULL),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (5, 'twin', 'twin', 'twin', 'twin', 'twin', 1, 1, NULL, NULL, 1, NULL, NULL, NULL, NULL, 7),
  (5, 'twin', 'twin', 'twin', 'twin', 'twin', 1, 1, NULL, NULL, 1, NULL, NULL, NULL, NULL, 7),
  (6, 'N', '1,N', X'ff00', 'N', 'N', 0, 0, NULL, NULL, 0, '"N"', NULL, 'x', 'p,q', 0);
"""

CHANGES = {
    "letter case": "UPDATE t SET b = 'One' WHERE a = 1",
    "trailing space": "UPDATE t SET b = 'one ' WHERE a = 1",
    "one byte of latin1": "UPDATE t SET c = 'eîns' WHERE a = 1",
    "one byte of binary": "UPDATE t SET d = X'756e70' WHERE a = 1",
    "a byte that is a letter in no text": "UPDATE t SET d = X'fe00' WHERE a = 6",
    "one letter of text": "UPDATE t SET e = 'une' WHERE a = 1",
    "one byte of a blob": "UPDATE t SET f = X'4a' WHERE a = 1",
    "last digit": "UPDATE t SET g = 1.5000000001 WHERE a = 1",
    "last bit of a double": "UPDATE t SET h = 0.10000000000000002 WHERE a = 1",
    "microsecond": "UPDATE t SET i = '2024-01-01 10:00:00.500001' WHERE a = 1",
    "an hour of a timestamp": "UPDATE t SET j = '2024-01-01 11:00:00' WHERE a = 1",
    "one bit": "UPDATE t SET k = 4 WHERE a = 1",
    "a number in a document": "UPDATE t SET l = '[10]' WHERE a = 1",
    "a point": "UPDATE t SET m = ST_GeomFromText('POINT(1 2.0000000001)') WHERE a = 1",
    "an enum": "UPDATE t SET n = 'y' WHERE a = 1",
    "a set": "UPDATE t SET o = 'p,q' WHERE a = 1",
    "an invisible column": "UPDATE t SET hidden = 8 WHERE a = 1",
    "NULL to empty": "UPDATE t SET b = '' WHERE a = 4",
    "empty to NULL": "UPDATE t SET d = NULL WHERE a = 3",
    "empty text to NULL": "UPDATE t SET e = NULL WHERE a = 3",
    "NULL to zero": "UPDATE t SET h = 0 WHERE a = 4",
    "NULL to the letter that stands for it": "UPDATE t SET b = 'N' WHERE a = 4",
    "NULL to bits of zero": "UPDATE t SET k = 0 WHERE a = 4",
    "empty to a zero byte": "UPDATE t SET d = X'00' WHERE a = 3",
    "values swapped between rows": "UPDATE t SET b = IF(a = 1, 'two', 'one') WHERE a IN (1, 2)",
    "values swapped between columns": "UPDATE t SET b = 'eins', c = 'one' WHERE a = 1",
    "a letter moved to the next column": "UPDATE t SET b = 'on', c = 'eeins' WHERE a = 1",
    "NULL moved to another column": "UPDATE t SET b = NULL, c = '' WHERE a = 3",
    "a row deleted": "DELETE FROM t WHERE a = 2",
    "a row of NULLs deleted": "DELETE FROM t WHERE a = 4",
    "one of two equal rows deleted": "DELETE FROM t WHERE a = 5 LIMIT 1",
    "both of two equal rows deleted": "DELETE FROM t WHERE a = 5",
    "another pair of equal rows": "UPDATE t SET b = 'pair' WHERE a = 5",
    "a row doubled": "INSERT INTO t (a) VALUES (NULL), (NULL)",
}


@pytest.fixture(scope="module")
def schema(source: DatabaseServer) -> str:
    return source.fresh_schema("fp")


@pytest.mark.failure("A11", "C3")
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_change_is_noticed(source: DatabaseServer, schema: str, change: str) -> None:
    source.sql(TABLE, schema)
    before = take_fingerprint(source, schema)
    source.sql(CHANGES[change], schema)
    check = compare_fingerprints(before, take_fingerprint(source, schema))
    assert check.outcome == "fail"
    assert len(check.differences) == 1
    assert check.differences[0].startswith(f"table {schema}.t: ")


def test_order_of_rows_and_the_session_make_no_difference(source: DatabaseServer, schema: str) -> None:
    source.sql(TABLE, schema)
    before = take_fingerprint(source, schema)
    source.sql("CREATE TABLE u LIKE t; INSERT INTO u (a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,hidden)"
               " SELECT a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,hidden FROM t ORDER BY a DESC, b; DROP TABLE t; RENAME TABLE u TO t", schema)  # fmt: skip
    with open_session(source) as session:
        session.execute("SET NAMES latin1")
        session.execute("SET SESSION sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH', time_zone = '+05:00'")
        after = fingerprint.compute(session, source.flavour, [schema])
    assert compare_fingerprints(before, after).differences == []


def test_a_row_that_can_not_be_hashed_is_an_error(source: DatabaseServer, schema: str) -> None:
    source.sql("DROP TABLE IF EXISTS t; CREATE TABLE t (a VARCHAR(2000), b VARCHAR(2000)) CHARACTER SET latin1", schema)
    source.sql("INSERT INTO t VALUES (REPEAT('x', 900), REPEAT('y', 900)), ('fits', 'well')", schema)
    before = source.sql("SELECT @@GLOBAL.max_allowed_packet")[0][0]
    source.sql("SET GLOBAL max_allowed_packet = 1024")
    try:
        with pytest.raises(AgentError, match=f"table {schema}.t can't be fingerprinted") as caught:
            take_fingerprint(source, schema)
    finally:
        source.sql(f"SET GLOBAL max_allowed_packet = {before}")
    assert caught.value.detail == "1 of 2 rows could not be hashed"


def test_a_table_that_is_replaced_while_it_is_looked_at_is_an_error(source: DatabaseServer) -> None:
    schema = source.fresh_schema("replaced")
    source.sql("CREATE TABLE t (a INT)", schema)
    with open_session(source) as session:
        ask = session.query

        def rename_between(sql: str) -> list[Row]:
            if "information_schema.COLUMNS" in sql:
                source.sql("RENAME TABLE t TO moved", schema)
            return ask(sql)

        session.query = rename_between  # type: ignore[method-assign]
        with pytest.raises(AgentError, match=f"table {schema}.t can't be fingerprinted") as caught:
            fingerprint.compute(session, source.flavour, [schema])
    assert caught.value.detail == "no column of it can be seen: it is being altered"


def test_base_tables_are_read_and_nothing_twice(source: DatabaseServer) -> None:
    schema = source.fresh_schema("kinds")
    source.sql(
        "CREATE TABLE plain (a INT) ENGINE=InnoDB; CREATE VIEW v AS SELECT * FROM plain; CREATE TABLE quick (a INT) ENGINE=MyISAM;"
        "CREATE TABLE both_of_them (a INT) ENGINE=MERGE UNION=(quick);"
        "CREATE TABLE parts (a INT) PARTITION BY HASH (a) PARTITIONS 3; INSERT INTO parts VALUES (1), (2), (3)",
        schema,
    )
    tables = take_fingerprint(source, schema)["tables"]
    assert set(tables) == {f"{schema}.plain", f"{schema}.quick", f"{schema}.parts"}
    assert tables[f"{schema}.parts"]["rows"] == 3
    assert tables[f"{schema}.plain"]["digest"] == "0" * 24


def test_schemas_are_told_apart_by_case(source: DatabaseServer) -> None:
    lower = source.fresh_schema("case")
    source.sql(
        f"CREATE DATABASE `{lower.upper()}`; CREATE TABLE `{lower.upper()}`.other (a INT); CREATE TABLE `{lower}`.one (a INT)"
    )
    assert set(take_fingerprint(source, lower)["tables"]) == {f"{lower}.one"}


def test_progress_is_told_after_each_table(source: DatabaseServer, schema: str) -> None:
    source.sql(TABLE, schema)
    seen: list[tuple[str, int, int]] = []
    with open_session(source) as session:
        fingerprint.compute(session, source.flavour, [schema], on_table=lambda *told: seen.append(told))
    assert seen == [(f"{schema}.t", 1, 1)]


def test_versioned_tables_are_compared_by_their_present_rows(mariadb_source: DatabaseServer) -> None:
    one, two = mariadb_source.fresh_schema("now"), mariadb_source.fresh_schema("now")
    table = (
        "CREATE TABLE t (a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END,"
        " PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING; INSERT INTO t VALUES (1), (2);"
    )
    mariadb_source.sql(table.replace("INSERT INTO t", "INSERT INTO t (a)"), one)
    mariadb_source.sql(
        table.replace("INSERT INTO t", "INSERT INTO t (a)") + "INSERT INTO t (a) VALUES (3); DELETE FROM t WHERE a = 3", two
    )
    digests = [take_fingerprint(mariadb_source, name)["tables"][f"{name}.t"]["digest"] for name in (one, two)]
    assert digests[0] == digests[1]
