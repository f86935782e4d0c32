"""The fingerprint: per table, how many rows and a digest over every column of every row.

A row becomes text in which every value ends where it says it ends, so that no two different rows read alike:

    numbers, dates          the value                     `42`
    short text and bytes    length, comma, bytes          `5,hello`
    everything else         SHA-256 of the bytes          JSON, TEXT, BLOB, geometry …
    NULL                    `N`, which is no value above

The row's SHA-256 is cut into two halves of 64 bits (`first` 16 and `last` 16 hex digits), and each half is summed over the
table as an exact decimal: the order of rows does not matter, two equal rows count twice and never cancel, and a value that
moves to another row or column changes the sum. MySQL 9.7 has neither MD5() nor SHA1() any more; SHA2() is everywhere.

Restored text and source text are compared byte by byte in the column's own character set, whatever the session speaks.
FLOAT is taken as the server prints it (6 digits), and minus zero as zero: no dump tool carries more.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import names, server
from .client import Row, Session
from .errors import AgentError

ALGORITHM = "sha256-sum-v1"

AS_PRINTED = frozenset({
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal",
    "year", "date", "time", "datetime", "timestamp",
})  # fmt: skip
INEXACT = frozenset({"float", "double"})
SHORT = frozenset({"char", "varchar", "binary", "varbinary", "enum", "set"})
"""A row of them can't be longer than 64 KiB, far below max_allowed_packet, above which CONCAT turns into NULL."""

WITHOUT_DATA = frozenset({"MRG_MYISAM", "FEDERATED"})
"""Engines whose rows live in other tables or servers: the dump tools leave their rows out."""

UNHASHED = 10**35
"""Counts for a row whose hash is NULL: far above any sum of halves, so that such a row can't go unseen."""

OnTable = Callable[[str, int, int], None]
"""Called after each table with its name, how many tables are done, and how many there are."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: its name, `data_type` as information_schema spells it, and whether it may be NULL."""

    name: str
    type: str
    nullable: bool


@dataclasses.dataclass
class Table:
    """One base table, its storage engine and its columns in order, generated and invisible ones included."""

    schema: str
    name: str
    engine: str
    columns: list[Column]


def compute(session: Session, flavour: str, schemas: list[str], on_table: OnTable | None = None) -> dict[str, Any]:
    """Given a session inside a snapshot, return the fingerprint of every base table of `schemas`.

    `{"algorithm": …, "tables": {"shop.orders": {"rows": 123, "digest": hex, "columns": 9, "engine": "InnoDB", "seconds": 0.1}},
    "rows": sum of all tables}`. Views, sequences and tables without data of their own are left out. Raise AgentError (source)
    if a row can't be hashed or a table can't be read.
    """
    server.steady(session, flavour)
    found = [table for schema in schemas for table in list_tables(session, schema)]
    tables: dict[str, Any] = {}
    for done, table in enumerate(found, start=1):
        name = names.display(table.schema, table.name)
        tables[name] = digest_table(session, table)
        if on_table:
            on_table(name, done, len(found))
    return {"algorithm": ALGORITHM, "tables": tables, "rows": sum(table["rows"] for table in tables.values())}


def list_tables(session: Session, schema: str) -> list[Table]:
    """Return the base tables of a schema that hold data, by name."""
    where = f"WHERE TABLE_SCHEMA = {names.literal(schema)}"
    listed = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(ENGINE, '') FROM information_schema.TABLES"
        f" {where} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
    )
    tables = {row[1]: Table(schema, names.spell(row[1]), row[2] or "", []) for row in _of_schema(listed, schema)}
    columns = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, IS_NULLABLE, COALESCE(GENERATION_EXPRESSION, '')"
        f" FROM information_schema.COLUMNS {where} ORDER BY TABLE_NAME, ORDINAL_POSITION"
    )
    for _, table, column, data_type, nullable, expression in _of_schema(columns, schema):
        # the period columns of a system-versioned table say when the row was written *here*
        if table in tables and expression not in ("ROW START", "ROW END"):
            tables[table].columns.append(Column(names.spell(column), (data_type or "").lower(), nullable == "YES"))
    with_data = (table for table in tables.values() if table.engine.upper() not in WITHOUT_DATA)
    return sorted(with_data, key=lambda table: table.name)


def digest_table(session: Session, table: Table) -> dict[str, Any]:
    """Read a table once and return its entry of the fingerprint."""
    begun = time.monotonic()
    if not table.columns:
        raise _unreadable(table, "no column of it can be seen")
    rows, first, last = (int(value or 0) for value in session.query(table_query(table))[0])
    if unhashed := first // UNHASHED:
        raise _unreadable(table, f"{unhashed} of {rows} rows could not be hashed")
    return {
        "rows": rows,
        "digest": f"{first:024x}{last:024x}",
        "columns": len(table.columns),
        "engine": table.engine,
        "seconds": round(time.monotonic() - begun, 3),
    }


def table_query(table: Table) -> str:
    """Return the one query of a table: rows, sum of the first halves, sum of the last halves.

    A user variable would save the second hash and a quarter of the time, but not even MariaDB 10.11 keeps to an order of
    evaluation: the last half then came from the row before.
    """
    row = f"SHA2({row_text(table.columns)}, 256)"
    # CAST: CONV returns text, and the sum of text is an inexact double
    first, last = (f"CAST(CONV({cut}({row}, 16), 16, 10) AS UNSIGNED)" for cut in ("LEFT", "RIGHT"))
    return (
        f"SELECT COUNT(*), SUM(COALESCE({first}, {UNHASHED})), SUM({last})"
        f" FROM {names.quote(table.schema)}.{names.quote(table.name)}"
    )


def row_text(columns: list[Column]) -> str:
    """Return the SQL expression of a row's text. It is NULL, never wrong, if a part of it can't be computed."""
    return "CONCAT(" + ", ',', ".join(value_text(column) for column in columns) + ")"


def value_text(column: Column) -> str:
    """Return the SQL expression of one value's text."""
    name = names.quote(column.name)
    if column.type in AS_PRINTED:
        return f"IFNULL({name}, 'N')" if column.nullable else name
    if column.type in INEXACT:
        return f"IFNULL(IF({name} = 0, '0', {name}), 'N')"
    if column.type == "bit":
        return f"IFNULL({name} + 0, 'N')" if column.nullable else f"{name} + 0"
    if column.type not in SHORT:
        return f"IF({name} IS NULL, 'N', SHA2({name}, 256))"
    # CAST, so that columns of different character sets are put together by their bytes, not converted
    text = f"LENGTH({name}), ',', CAST({name} AS BINARY)"
    return f"IF({name} IS NULL, 'N', CONCAT({text}))" if column.nullable else text


def _of_schema(rows: list[Row], schema: str) -> Iterator[Row]:
    """Yield the rows of exactly that schema: information_schema compares names without case and accents."""
    return (row for row in rows if names.spell(row[0]) == schema)


def _unreadable(table: Table, detail: str) -> AgentError:
    return AgentError(
        "source",
        f"table {names.display(table.schema, table.name)} can't be fingerprinted",
        detail=detail,
        hint="Check the table (CHECK TABLE), max_allowed_packet of the server, and the grants of the backup account.",
    )
