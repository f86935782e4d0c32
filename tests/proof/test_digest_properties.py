"""Properties of the digest: a server answers as a reference in Python, and tables are alike exactly where their rows are.

One example of hypothesis is many small tables, which lie in one table of the server and are asked for in one statement.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.proven.agent import fingerprint
from include.proven.agent.client import Session
from include.proven.agent.tables import Table, list_tables
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer

Value = int | str | bytes | None
Row = tuple[Value, ...]

LATIN = "VARCHAR(9) CHARACTER SET latin1"

TYPES = ("BIGINT", "DECIMAL(12,3)", "DATETIME(6)", "VARCHAR(9)", "VARBINARY(9)", "TEXT", "LONGBLOB", LATIN)
PRINTED = TYPES[:3]
CASE = "case_number"

LETTERS = st.text(alphabet="N0123456789,aAé\\' \0", max_size=4)
BYTES = st.binary(max_size=3) | st.sampled_from([b"N", b"1,N", b",", b"0,", b"\xff"])
NEAR_THE_LIMIT = st.sampled_from([fingerprint.INLINE_BYTES - 1, fingerprint.INLINE_BYTES, fingerprint.INLINE_BYTES + 1])
ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 99),
    st.none() | st.sampled_from(["0.000", "-0.001", "999999999.999", "12.300"]),
    st.none() | st.sampled_from(["0000-00-00 00:00:00.000000", "2026-11-21 04:35:12.000001", "9999-12-31 23:59:59.999999"]),
    st.none() | LETTERS,
    st.none() | BYTES,
    st.none() | LETTERS | NEAR_THE_LIMIT.map(lambda size: "x" * size),
    st.none() | BYTES | NEAR_THE_LIMIT.map(lambda size: b"\xff" * size),
    st.none() | BYTES,
)  # fmt: skip
ROWS = st.lists(ROW, min_size=1, max_size=4)


@pytest.fixture(scope="module")
def session(source: DatabaseServer) -> Iterator[Session]:
    """A session in a schema with an empty table for all cases."""
    schema = source.fresh_schema("digests")
    columns = ", ".join(f"v{number} {kind}" for number, kind in enumerate(TYPES))
    with open_session(source) as opened:
        opened.execute(f"USE {schema}")
        opened.execute(f"CREATE TABLE cases ({CASE} INT, {columns}) CHARACTER SET utf8mb4")
        opened.execute("SET SESSION sql_mode = '', time_zone = '+00:00'")
        yield opened


def all_changes(rows: Sequence[Row], order: random.Random) -> Iterator[list[Row]]:
    """Yield the rows in another order, then with each change that must be seen, if it is one."""
    yield order.sample(rows, len(rows))
    yield [*rows, rows[0]]
    yield [*rows, rows[0], rows[0]]
    yield list(rows[1:])
    number, column = order.randrange(len(rows)), order.randrange(len(TYPES))
    yield replaced(rows, number, column, None)
    yield replaced(rows, number, 3, "")
    yield replaced(rows, number, 4, b"")
    one, other = order.randrange(len(rows)), order.randrange(len(rows))
    swapped = replaced(rows, one, column, rows[other][column])
    yield replaced(swapped, other, column, rows[one][column])
    text, data = str(rows[number][3] or ""), rows[number][4]
    if text and isinstance(data, bytes):
        moved = replaced(rows, number, 3, text[:-1])
        yield replaced(moved, number, 4, (text[-1].encode() + data)[:9])
    yield replaced(rows, number, 3, f"{text[:4]},N,1")


def replaced(rows: Sequence[Row], number: int, column: int, value: Value) -> list[Row]:
    row = rows[number]
    return [*rows[:number], (*row[:column], value, *row[column + 1 :]), *rows[number + 1 :]]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(bases=st.lists(ROWS, min_size=1, max_size=12), order=st.randoms(use_true_random=False))
def test_digests_are_equal_exactly_where_rows_are(session: Session, bases: list[list[Row]], order: random.Random) -> None:
    tables = [rows for base in bases for rows in (base, *all_changes(base, order)) if rows]
    answers = ask(session, tables)
    assert answers == [refer(rows) for rows in tables]
    counted = [Counter(rows) for rows in tables]
    for (rows, answer), (others, other) in itertools.combinations(zip(counted, answers, strict=True), 2):
        assert (answer == other) == (rows == others)


def ask(session: Session, tables: Sequence[Sequence[Row]]) -> list[tuple[int, int]]:
    """Return rows and sum of each table as the server has them."""
    session.execute("DELETE FROM cases")
    lines = [f"({number}, {', '.join(map(as_sql, row, TYPES))})" for number, rows in enumerate(tables) for row in rows]
    session.execute(f"INSERT INTO cases VALUES {', '.join(lines)}")
    schema = session.query("SELECT DATABASE()")[0][0] or ""
    (found,) = list_tables(session, schema)
    seen = Table(found.schema, found.name, found.engine, [column for column in found.columns if column.name != CASE])
    query = fingerprint.table_query(seen, f" GROUP BY {CASE} ORDER BY {CASE}")
    return [(int(rows or 0), int(total or 0)) for rows, total in session.query(query)]


def refer(rows: Sequence[Row]) -> tuple[int, int]:
    """Return what a server must answer."""
    texts = [b"".join(map(as_text, row, TYPES)) for row in rows]
    return len(rows), sum(int(hashlib.sha256(text).hexdigest()[:16], 16) for text in texts)


def as_text(value: Value, kind: str) -> bytes:
    if kind in PRINTED:
        return b"N," if value is None else str(value).encode() + b","
    if kind == "VARCHAR(9)":
        return b"\xfe" if value is None else str(value).encode() + b"\xff"
    if value is None:
        return b"N,"
    data = value if isinstance(value, bytes) else str(value).encode()
    short = data if len(data) <= fingerprint.INLINE_BYTES else hashlib.sha256(data).hexdigest().encode()
    return b"%d,%s" % (len(data), short)


def as_sql(value: Value, kind: str) -> str:
    if value is None:
        return "NULL"
    if kind in PRINTED:
        return f"'{value!s}'"
    return f"X'{(value if isinstance(value, bytes) else str(value).encode()).hex()}'"
