"""The rows of an INSERT statement of a dump, and the columns that they are of."""

from __future__ import annotations

import dataclasses
import re

from include.proven.sabotage.dump import NAME, unquote

HEAD = re.compile(rb"INSERT +(?:IGNORE +)?INTO " + NAME + rb"(?:\s*\(((?:" + NAME + rb",?\s*)+)\))?\s+VALUES\s*")
TOKEN = re.compile(rb"'(?:[^'\\]|\\.)*'|[^',()]+|[(),]", re.DOTALL)
COLUMN = re.compile(rb"^\s+" + NAME + rb" (\w+)([^\n]*)", re.MULTILINE)
GENERATED = b" GENERATED ALWAYS AS "

Row = list[bytes]
"""Each value as SQL has it: `NULL`, `42`, `'it\\'s'`, `0x00FF`."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    """`varchar`, `int` …, in lower case."""
    rest: bytes
    """What else its definition says."""

    @property
    def generated(self) -> bool:
        """Whether the server computes it: what a dump says of it counts for nothing."""
        return GENERATED in self.rest


@dataclasses.dataclass
class Statement:
    """One INSERT: what stands before its rows, the names of its columns if it says them, and its rows."""

    head: bytes
    columns: list[str] | None
    rows: list[Row]

    def text(self) -> bytes:
        """Return the statement; nothing if it has no rows left."""
        if not self.rows:
            return b""
        return self.head + b",\n".join(b"(" + b",".join(row) + b")" for row in self.rows) + b";\n"


def parse(text: bytes) -> Statement:
    """Given an INSERT of a dump, return it with its values told apart. Raise ValueError for what is none."""
    head = HEAD.match(text)
    if not head:
        raise ValueError(f"no INSERT of a dump: {text[:80]!r}")
    columns = [unquote(found[1]) for found in re.finditer(NAME, head[2])] if head[2] else None
    rows: list[Row] = []
    row: Row | None = None
    for token in TOKEN.finditer(text, head.end()):
        said = token[0]
        if row is None:
            row = [b""] if said == b"(" else None
        elif said == b")":
            rows.append(row)
            row = None
        elif said == b",":
            row.append(b"")
        else:
            row[-1] += said
    return Statement(text[: head.end()], columns, rows)


def columns_of(definition: bytes) -> list[Column]:
    """Given a CREATE TABLE, return its columns."""
    return [Column(unquote(one[1]), one[2].decode().lower(), one[3]) for one in COLUMN.finditer(definition)]


def pick_columns(statement: Statement, columns: list[Column]) -> list[Column]:
    """Return the columns in the order of a statement's values; nothing if they can't be told.

    MariaDB dumps values of stored generated columns, MySQL of none: without a list of names the number of values tells.
    """
    known = {column.name: column for column in columns}
    named = [known[name] for name in statement.columns or [] if name in known]
    plain = [column for column in columns if not column.generated]
    choices = [columns, plain] if statement.columns is None else [named]
    return next((choice for choice in choices if all(len(row) == len(choice) for row in statement.rows)), [])
