"""Judges what a check was answered. A check never proves data by itself, and one that compares nothing could not run."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence

from include.proven.manifest import Answer
from include.proven.proof.user_checks.check import UserCheck
from include.proven.proof.user_checks.expectation import Bound
from include.proven.proof.verdict import Check

Row = Sequence[str | None]

MOST_SHOWN = 5
"""Rows of an answer that are shown as differences."""
ZERO = re.compile(r"[+-]?0*\.?0*(?:[eE][+-]?\d+)?")


@dataclasses.dataclass(frozen=True)
class Reply:
    """What the copy has answered, its values as the client prints them (`agent/query.py`)."""

    columns: Sequence[str]
    rows: Sequence[Row]
    """The first 100."""
    count: int
    """How many there were."""
    reads_table: bool
    """Whether the server's plan reads any."""


class CannotJudgeError(Exception):
    """The answer is no answer to what was expected: the check could not run."""

    def __init__(self, figure: str, hint: str) -> None:
        super().__init__(figure)
        self.figure = figure
        self.hint = hint


def judge(check: UserCheck, reply: Reply, source: Answer | None = None) -> Check:
    """Given what a check's query returned, and what it did on the source if it was asked there, return its answer."""
    found = Check(name=check.name, outcome="pass", severity=check.severity)
    try:
        figure, wrong = _judge(check, reply, source)
    except CannotJudgeError as error:
        return found.model_copy(update={"outcome": "could-not-run", "figure": error.figure, "hint": error.hint})
    if not wrong:
        return found.model_copy(update={"figure": figure})
    return found.model_copy(update={"outcome": "fail", "figure": figure, "hint": _hint(check), "differences": wrong})


def _judge(check: UserCheck, reply: Reply, source: Answer | None) -> tuple[str, list[str]]:
    """Return the figure, and what is wrong. Raise CannotJudgeError."""
    if not reply.reads_table:
        hint = "It reads no table. What a stored function reads can't be seen: read a table beside it."
        raise CannotJudgeError("compares nothing", hint)
    if check.expect.subject == "source":
        return _compare(check, reply, source)
    return JUDGES[check.expect.subject](check, reply)


def _all_true(_check: UserCheck, reply: Reply) -> tuple[str, list[str]]:
    """Judge as `SQLCheckOperator` of Airflow's common-sql would: there is a first row, and every value in it is true."""
    if not reply.rows:
        return "no row came back", ["no row came back"]
    values = list(zip(reply.columns, reply.rows[0], strict=True))
    wrong = [f"{column} is {_shown(value) or 'empty'}" for column, value in values if not is_true(value)]
    return _figure(reply), wrong


def _scalar(check: UserCheck, reply: Reply) -> tuple[str, list[str]]:
    if len(reply.columns) > 1:
        hint = "Select one value, or expect something else (docs/checks.md)."
        raise CannotJudgeError(f"answers with {len(reply.columns)} columns, where one value is expected", hint)
    if reply.count > 1:
        return _rows_figure(reply.count), [f"{_rows_figure(reply.count)}, where one value is expected"]
    return _last(check, reply)


def _last(check: UserCheck, reply: Reply) -> tuple[str, list[str]]:
    """Judge the last value of the first row."""
    if not reply.rows:
        return "no row came back", ["no row came back"]
    value, bounds = reply.rows[0][-1], check.expect.bounds
    name = f"{reply.columns[-1]} is {_shown(value) or 'empty'}"
    if not bounds:
        return _figure(reply), [] if is_true(value) else [name]
    broken = [bound for bound in bounds if value is None or not bound.holds(value)]
    return _figure(reply), [f"{name}, expected {_and(bounds)}"] if broken else []


def _rows(check: UserCheck, reply: Reply) -> tuple[str, list[str]]:
    figure, bounds = _rows_figure(reply.count), check.expect.bounds
    if all(bound.holds(str(reply.count)) for bound in bounds):
        return figure, []
    shown = [_row(reply.columns, row) for row in reply.rows[:MOST_SHOWN]]
    more = [f"… and {reply.count - MOST_SHOWN:,} more rows"] if reply.count > MOST_SHOWN else []
    return figure, [f"{figure}, expected {_and(bounds)}", *shown, *more]


JUDGES: dict[str, Callable[[UserCheck, Reply], tuple[str, list[str]]]] = {
    "true": _all_true,
    "scalar": _scalar,
    "last": _last,
    "rows": _rows,
}


def _compare(check: UserCheck, reply: Reply, source: Answer | None) -> tuple[str, list[str]]:
    again = "Take a new backup: the source is asked when it is backed up."
    if source is None:
        raise CannotJudgeError("the source was not asked when this backup was taken", again)
    if source.sql != check.sql:
        raise CannotJudgeError("the check was changed after this backup was taken", again)
    if source.error:
        hint = "Correct the check (the grants of the backup account, its time limit), then take a new backup."
        raise CannotJudgeError(f"the source gave no answer: {source.error}", hint)
    if reply.count > len(reply.rows):
        hint = f"Aggregate, or add LIMIT {len(reply.rows)} and ORDER BY."
        raise CannotJudgeError(f"answers with {reply.count:,} rows, more than can be compared", hint)
    wrong = list(_differences(reply.columns, source.rows, reply.rows))
    if len(reply.rows) == 1:
        return f"{_figure(reply)}" + ("" if wrong else ", as on the source"), wrong
    return f"{_rows_figure(reply.count)}" + ("" if wrong else ", as on the source"), wrong


def _differences(columns: Sequence[str], source: Sequence[Row], copy: Sequence[Row]) -> Iterator[str]:
    """Yield how two answers differ; the order of rows does not matter, for without ORDER BY it means nothing."""
    if len(source) == len(copy) == 1 and len(source[0]) == len(copy[0]):
        for column, there, here in zip(columns, source[0], copy[0], strict=True):
            if there != here:
                yield f"{column}: {_shown(there)} on the source, {_shown(here)} restored"
        return
    if len(source) != len(copy):
        yield f"{_rows_figure(len(source))} on the source, {_rows_figure(len(copy))} restored"
    expected, found = (collections.Counter(tuple(row) for row in rows) for rows in (source, copy))
    yield from (f"missing: {_row(columns, row)}" for row in list((expected - found).elements())[:MOST_SHOWN])
    yield from (f"not on the source: {_row(columns, row)}" for row in list((found - expected).elements())[:MOST_SHOWN])


def is_true(value: str | None) -> bool:
    """Say whether a printed value is true: not NULL, not empty, not zero (a BIT of zero is printed as a zero byte)."""
    if not value or value == "\0":
        return False
    return not (ZERO.fullmatch(value) and any(character == "0" for character in value))


def _figure(reply: Reply) -> str:
    return _row(reply.columns, reply.rows[0])


def _row(columns: Sequence[str], row: Row) -> str:
    return ", ".join(f"{column}={_shown(value)}" for column, value in zip(columns, row, strict=False))


def _rows_figure(count: int) -> str:
    return {0: "no row", 1: "1 row"}.get(count, f"{count:,} rows")


def _and(bounds: Sequence[Bound]) -> str:
    return " and ".join(map(str, bounds))


def _shown(value: str | None) -> str:
    return "NULL" if value is None else value[:100]


def _hint(check: UserCheck) -> str:
    hint = f"It protects {check.protects}." if check.protects else ""
    return f"{hint} Run the query in {pathlib.PurePath(check.file).name} on source and copy, and compare.".strip()
