"""Single mutations of rows: each a change that a client could see, made by one or two statements."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from random import Random
from typing import Any

from tests.proving.columns import Column
from tests.proving.specimen import Table

Row = dict[str, Any]
TRIES = 200


@dataclasses.dataclass(frozen=True)
class Mutation:
    """One change of the copy, and what must be named as different."""

    kind: str
    schema: str
    target: str
    """Part of the line that must tell it, such as `proving_numbers.t`."""
    statements: list[str]
    restores: str = ""
    """What makes it good again: a table of rows, or a kind of object (`definitions.RESTORES`)."""


Change = Callable[[Random, Table], list[str] | None]
"""Returns the statements, or None where there is nothing to change in that way."""


def change_value(rng: Random, table: Table) -> list[str] | None:
    """Change one value by as little as its type can tell."""
    row, column = rng.choice(table.rows), rng.choice(table.columns)
    value = row[column.name]
    return None if value is None else [update(table, row, {column: column.nudge(rng, value)})]


def exchange_null(rng: Random, table: Table) -> list[str] | None:
    """Make a NULL empty (zero), or an empty value NULL."""
    row, column = rng.choice(table.rows), rng.choice(table.columns)
    value = row[column.name]
    if value is None:
        return [update(table, row, {column: column.empty})]
    return [update(table, row, {column: None})] if value == column.empty else None


def swap_rows(rng: Random, table: Table) -> list[str] | None:
    """Exchange one column's values between two rows."""
    column, (one, other) = rng.choice(table.columns), rng.sample(table.rows, 2)
    if one[column.name] == other[column.name]:
        return None
    first = update(table, one, {column: other[column.name]})
    return [first, update(table, other, {column: one[column.name]})]


def swap_columns(rng: Random, table: Table) -> list[str] | None:
    """Exchange the values of two columns in one row."""
    row, pair = rng.choice(table.rows), neighbours(rng, table)
    if pair is None or row[pair[0].name] == row[pair[1].name]:
        return None
    return [update(table, row, {pair[0]: row[pair[1].name], pair[1]: row[pair[0].name]})]


def shift_letter(rng: Random, table: Table) -> list[str] | None:
    """Move the last letter or byte of a value to the front of the next column's."""
    row, pair = rng.choice(table.rows), neighbours(rng, table)
    if pair is None or not isinstance(row[pair[0].name], (str, bytes)) or pair[0].family not in ("text", "latin", "octets"):
        return None
    first, second = row[pair[0].name], row[pair[1].name]
    return [update(table, row, {pair[0]: first[:-1], pair[1]: first[-1:] + second})] if first and second is not None else None


def duplicate_row(rng: Random, table: Table) -> list[str] | None:
    """Insert a row once more: under another id, where there is one."""
    return [table.insert(rng.choice(table.rows) | {"id": rng.randint(1000, 9999)})]


def delete_row(rng: Random, table: Table) -> list[str] | None:
    """Delete one row."""
    return [f"DELETE FROM {table.path} WHERE {table.where(rng.choice(table.rows))} LIMIT 1"]


def delete_twins(rng: Random, table: Table) -> list[str] | None:
    """Delete both of two equal rows."""
    row = twin(rng, table)
    return row and [f"DELETE FROM {table.path} WHERE {table.where(row)} LIMIT 2"]


def change_twins(rng: Random, table: Table) -> list[str] | None:
    """Change two equal rows alike, so that they are twins still."""
    row, column = twin(rng, table), rng.choice(table.columns)
    return row and [f"{update(table, row, {column: column.fresh(rng)}).removesuffix(' LIMIT 1')} LIMIT 2"]


def insert_twins(rng: Random, table: Table) -> list[str] | None:
    """Insert two equal rows that were not there."""
    row = {column.name: column.random(rng) for column in table.columns}
    return None if table.keyed else [table.insert(row)] * 2


def twin(rng: Random, table: Table) -> Row | None:
    """Return a row that is there twice, None if the one that was drawn is not."""
    row = rng.choice(table.rows)
    return row if table.rows.count(row) == 2 else None


def neighbours(rng: Random, table: Table) -> tuple[Column, Column] | None:
    """Return two columns of one family, None if the two that were drawn are not."""
    one, other = rng.sample(table.columns, 2)
    return (one, other) if one.family == other.family else None


def update(table: Table, row: Row, values: dict[Column, Any]) -> str:
    """Return the statement that gives one row other values."""
    given = ", ".join(f"`{column.name}` = {column.literal(value)}" for column, value in values.items())
    return f"UPDATE {table.path} SET {given} WHERE {table.where(row)} LIMIT 1"


KINDS: dict[str, tuple[int, Change]] = {
    "a value, by the least that its type can tell": (40, change_value),
    "NULL and empty exchanged": (10, exchange_null),
    "values swapped between two rows": (12, swap_rows),
    "values swapped between two columns": (6, swap_columns),
    "a letter moved to the next column": (4, shift_letter),
    "a row duplicated": (6, duplicate_row),
    "a row deleted": (6, delete_row),
    "both of two equal rows deleted": (3, delete_twins),
    "both of two equal rows changed alike": (3, change_twins),
    "two equal rows inserted": (2, insert_twins),
}
"""Weight and change, by what a table of figures calls it."""


def mutate(rng: Random, tables: list[Table]) -> Mutation:
    """Return a random mutation of one of the tables."""
    (kind,) = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    for _ in range(TRIES):
        table = rng.choice(tables)
        if statements := KINDS[kind][1](rng, table):
            return Mutation(kind, table.schema, table.path, statements, table.name)
    raise AssertionError(f"no table has what this needs: {kind}")
