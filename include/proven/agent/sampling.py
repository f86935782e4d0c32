"""Samples of huge tables: ranges of the primary key, drawn anew for each recovery point, that the copy is read by alike.

A range begins at a random value of the key's first column and ends where so many rows have gone by; the first and the last rows
are always among them. Where a range begins is uniform over the values, not over the rows: rows in a thin part of the key are
looked at more often than others. What a table costs is bounded by `sample_above`, whatever its size (but for COUNT(*)).
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import secrets
from collections.abc import Callable
from typing import Any, Optional

from . import names
from .client import Session
from .errors import AgentError
from .tables import Column, Table, leading_column, measure

RANGES = 64
RANGE_ROWS = 2000
"""The most rows of one range. A range is shorter where `RANGES` of that many would be more than `sample_above` bytes."""
WIDEST = 10
"""A range in which one value of a longer key's first column holds more than so many times the rows is left out."""

Bound = Optional[str]
"""As text: a number, a moment in UTC, or bytes in hex. None: the range has no bound on that side."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of key: how SQL shows a value as text, what that text looks like and how it goes back into SQL."""

    shown: str
    text: re.Pattern[str]
    literal: str
    pick: Callable[[str, str], str]
    """Returns the text of a random value between two. Raise ValueError if one of them is no value, such as a zero date."""


@dataclasses.dataclass(frozen=True)
class Samples:
    """Which rows of a table are looked at: those in one or more of the ranges, bounds included, of a key's first column."""

    column: str
    type: str
    ranges: list[list[Bound]]
    keyed: bool
    """The table has that key: the server is made to use it."""

    def describe(self, rows: int) -> dict[str, Any]:
        """Return them as the fingerprint keeps them."""
        return {"column": self.column, "type": self.type, "ranges": self.ranges, "rows": rows}

    @property
    def clause(self) -> str:
        """What goes after the table's name in SQL."""
        column, wanted = names.quote(self.column), []
        for low, high in self.ranges:
            pairs = ((">=", low), ("<=", high))
            bounds = [f"{column} {sign} {_literal(self.type, bound)}" for sign, bound in pairs if bound is not None]
            wanted.append(f"({' AND '.join(bounds)})")
        return f"{HINT if self.keyed else ''} WHERE {' OR '.join(wanted)}"


def choose(session: Session, table: Table, sample_above: int, like: dict[str, Any] | None) -> Samples | str:
    """Return the samples by which a table is to be read; if whole, an empty text, or why a huge one can't be sampled.

    `like` is the entry of the source's fingerprint, which decides if there is one.
    """
    if like is not None:
        return recall(session, table, like["samples"]) if "samples" in like else ""
    if not sample_above:
        return ""
    size, row_size = measure(session, table)
    rows = max(1, min(RANGE_ROWS, sample_above // (RANGES * max(1, row_size))))
    return draw(session, table, rows) if size > sample_above else ""


def recall(session: Session, table: Table, told: dict[str, Any]) -> Samples | str:
    """Return the samples that were drawn on the source, for its copy."""
    if told["column"] not in {column.name for column in table.columns}:
        return f"it has no column {told['column']}"
    key = leading_column(session, table)
    return Samples(told["column"], told["type"], told["ranges"], keyed=key is not None and key.name == told["column"])


def draw(session: Session, table: Table, rows: int) -> Samples | str:
    """Draw `RANGES` samples of so many rows each, or say why that can't be done."""
    key = leading_column(session, table)
    if key is None or key.type not in KINDS:
        return "no primary key that begins with an integer, a date or bytes"
    first, last = _Walk(session, table, key, None), _Walk(session, table, key, None, "DESC")
    low, high, end, begin = first.step(0), last.step(0), first.step(rows - 1), last.step(rows - 1)
    if low is None or high is None or end is None or begin is None:
        return "it has few rows"
    try:
        starts = [KINDS[key.type].pick(low, high) for _ in range(RANGES - 2)]
    except ValueError:
        return "its key holds dates that are none"
    # one that comes to no end lies within the last rows
    ends = [(start, _Walk(session, table, key, start).step(rows - 1)) for start in starts]
    ranges: list[list[Bound]] = [[None, end], [begin, None]]
    ranges += [[start, end] for start, end in ends if end is not None]
    narrow = [bounds for bounds in ranges if _is_narrow(session, table, Samples(key.name, key.type, [bounds], True), rows)]
    return Samples(key.name, key.type, narrow, keyed=True) if narrow else "its key's first column holds few values"


@dataclasses.dataclass(frozen=True)
class _Walk:
    """A way along the key of a table, from a value of it or from one of its ends."""

    session: Session
    table: Table
    key: Column
    start: Bound
    direction: str = "ASC"

    def step(self, rows: int) -> Bound:
        """Return the value that lies so many rows further, None if the table ends before."""
        column = names.quote(self.key.name)
        where = f" WHERE {column} >= {_literal(self.key.type, self.start)}" if self.start is not None else ""
        found = self.session.query(
            f"SELECT {KINDS[self.key.type].shown.format(column)} FROM {self.table.path}{HINT}{where}"
            f" ORDER BY {column} {self.direction} LIMIT 1 OFFSET {rows}"
        )
        return names.spell(found[0][0]) if found else None


def _is_narrow(session: Session, table: Table, samples: Samples, rows: int) -> bool:
    """Say whether a range holds not many times the rows that it should: a longer key's first column may repeat."""
    most = WIDEST * rows
    counted = f"SELECT COUNT(*) FROM (SELECT 1 FROM {table.path}{samples.clause} LIMIT {most + 1}) AS counted"
    return int(session.query(counted)[0][0] or 0) <= most


def _literal(data_type: str, bound: str) -> str:
    """Return a bound as SQL. It may come from a manifest: raise AgentError for text that is no value of that type."""
    kind = KINDS.get(data_type)
    if kind is None or not kind.text.fullmatch(bound):
        raise AgentError("source", f"{bound[:80]!r} is no bound of a sample of {data_type[:80]!r}")
    return kind.literal.format(bound)


def _between(low: int, high: int) -> int:
    return low + secrets.randbelow(high - low + 1)


def _pick_integer(low: str, high: str) -> str:
    return str(_between(int(low), int(high)))


def _pick_day(low: str, high: str) -> str:
    first, last = (datetime.date.fromisoformat(text).toordinal() for text in (low, high))
    return datetime.date.fromordinal(_between(first, last)).isoformat()


def _pick_moment(low: str, high: str) -> str:
    first, last = (datetime.datetime.fromisoformat(text) for text in (low, high))
    unit = datetime.timedelta(microseconds=1)
    return (first + _between(0, (last - first) // unit) * unit).isoformat(" ", "microseconds")


def _pick_bytes(low: str, high: str) -> str:
    width = max(len(low), len(high), 2)
    first, last = (int(text.ljust(width, "0"), 16) for text in (low, high))
    return f"{_between(first, last):0{width}X}"


HINT = " FORCE INDEX (PRIMARY)"
INTEGER = Kind("{0}", re.compile(r"-?\d{1,20}"), "{0}", _pick_integer)
DAY = Kind("DATE_FORMAT({0}, '%Y-%m-%d')", re.compile(r"\d{4}-\d\d-\d\d"), "'{0}'", _pick_day)
MOMENT = Kind(
    "DATE_FORMAT({0}, '%Y-%m-%d %H:%i:%s.%f')", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"), "'{0}'", _pick_moment
)
BYTES = Kind("HEX({0})", re.compile(r"([0-9A-F]{2})*"), "X'{0}'", _pick_bytes)
KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint"), INTEGER),
    "date": DAY,
    "datetime": MOMENT,
    "timestamp": MOMENT,
    "binary": BYTES,
    "varbinary": BYTES,
}
"""By the data type of the column. Text is left out: how its values sort depends on the collation."""
