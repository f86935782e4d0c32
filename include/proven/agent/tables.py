"""The tables of a schema that hold rows, and what of each the fingerprint has to know."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from . import names
from .client import Row, Session

WITHOUT_DATA = frozenset({"MRG_MYISAM", "FEDERATED"})
"""Engines whose rows live in other tables or servers: the dump tools leave their rows out."""

PERIODS = frozenset({"ROW START", "ROW END"})
"""Columns of a system-versioned table that say when a row was written *here*."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: its name, `data_type` and character set as information_schema spells them, and whether it may be NULL."""

    name: str
    type: str
    nullable: bool
    charset: str = ""
    dates_rows: bool = False
    """Its DEFAULT or ON UPDATE is CURRENT_TIMESTAMP: it tells when rows were written."""


@dataclasses.dataclass
class Table:
    """One base table, its storage engine and its columns in order, generated and invisible ones included."""

    schema: str
    name: str
    engine: str
    columns: list[Column]

    @property
    def path(self) -> str:
        """Its name as SQL takes it."""
        return f"{names.quote(self.schema)}.{names.quote(self.name)}"


def list_tables(session: Session, schema: str) -> list[Table]:
    """Return the base tables of a schema that hold data, by name."""
    where = f"WHERE TABLE_SCHEMA = {names.literal(schema)}"
    listed = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(ENGINE, '') FROM information_schema.TABLES"
        f" {where} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
    )
    tables = {name: Table(schema, names.spell(name), engine or "", []) for _, name, engine in _of_schema(listed, schema)}
    columns = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, IS_NULLABLE, COALESCE(CHARACTER_SET_NAME, ''),"
        " COALESCE(GENERATION_EXPRESSION, ''),"
        " DATA_TYPE IN ('datetime', 'timestamp') AND LOWER(CONCAT_WS(' ', COLUMN_DEFAULT, EXTRA)) LIKE '%current_timestamp%'"
        f" FROM information_schema.COLUMNS {where} ORDER BY TABLE_NAME, ORDINAL_POSITION"
    )
    for _, table, name, data_type, nullable, charset, expression, dates_rows in _of_schema(columns, schema):
        if table in tables and expression not in PERIODS:
            kind = (data_type or "").lower()
            tables[table].columns.append(Column(names.spell(name), kind, nullable == "YES", charset or "", dates_rows == "1"))
    with_data = (table for table in tables.values() if table.engine.upper() not in WITHOUT_DATA)
    return sorted(with_data, key=lambda table: table.name)


def measure(session: Session, table: Table) -> tuple[int, int]:
    """Return how many bytes of data a table has, without indexes, and its rows on average, as the server estimates them."""
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(DATA_LENGTH, 0), COALESCE(AVG_ROW_LENGTH, 0) FROM information_schema.TABLES"
        f" WHERE {_is(table)}"
    )
    ((_, _, data, row),) = _of_table(rows, table)
    return int(data or 0), int(row or 0)


def leading_column(session: Session, table: Table) -> Column | None:
    """Return the first column of a table's primary key. None: there is no such key, or it begins with a part of a value."""
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS"
        f" WHERE {_is(table)} AND INDEX_NAME = 'PRIMARY' AND SEQ_IN_INDEX = 1 AND SUB_PART IS NULL"
    )
    found = {names.spell(row[2]) for row in _of_table(rows, table)}
    return next((column for column in table.columns if column.name in found), None)


def _is(table: Table) -> str:
    return f"TABLE_SCHEMA = {names.literal(table.schema)} AND TABLE_NAME = {names.literal(table.name)}"


def _of_table(rows: list[Row], table: Table) -> list[Row]:
    """Return the rows of exactly that table."""
    return [row for row in _of_schema(rows, table.schema) if names.spell(row[1]) == table.name]


def _of_schema(rows: list[Row], schema: str) -> Iterator[Row]:
    """Yield the rows of exactly that schema: information_schema compares names without case and accents."""
    return (row for row in rows if names.spell(row[0]) == schema)
