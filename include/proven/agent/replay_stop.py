"""Where a replay ends: always behind a whole transaction, and found before the first one is applied."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .errors import AgentError
from .jobs import ReplayUntil
from .replay_events import Transaction, read_transactions


class Stop(NamedTuple):
    """What a replay applies, and its last transaction."""

    transactions: int
    last: Transaction | None
    """None: nothing is to be applied."""


def find_stop(files: Sequence[pathlib.Path], start: int, until: ReplayUntil) -> Stop:
    """Given a log's files in order, and the offset in the first one behind which is replayed, return where that ends.

    Raise AgentError: integrity if the log does not hold what must be there, config if what was asked for is not in it.
    """
    return FINDERS[until["kind"]](transactions_behind(files, start), until)


def say_when(one: Transaction | None) -> str:
    """Return when a transaction was committed (ISO 8601, UTC); empty: there is none."""
    return datetime.datetime.fromtimestamp(one.committed_at, datetime.timezone.utc).isoformat() if one else ""


def transactions_behind(files: Sequence[pathlib.Path], start: int) -> Iterator[Transaction]:
    """Yield the transactions behind the start. One that is not whole can be the last only: its end is not there yet."""
    cut: Transaction | None = None
    for number, path in enumerate(files):
        for one in read_transactions(path):
            if cut:
                raise AgentError("integrity", f"binary log: {cut.file} offset {cut.start}: the end of a transaction is missing")
            if number == 0 and one.start < start < one.end:
                raise _torn(one, start)
            if not one.whole:
                cut = one
            elif number or one.start >= start:
                yield one


def _before_later(transactions: Iterable[Transaction], until: ReplayUntil) -> Stop:
    """All that was committed up to and in that second: in the log's order, up to the first that is later."""
    count, last = 0, None
    for one in transactions:
        if one.committed_at > until["moment"]:
            break
        count, last = count + 1, one
    return Stop(count, last)


def _with_gtid(transactions: Iterable[Transaction], until: ReplayUntil) -> Stop:
    for count, one in enumerate(transactions, 1):
        if one.gtid == until["gtid"]:
            return Stop(count, one)
    hint = "SELECT @@gtid_executed (MariaDB: @@gtid_binlog_pos) says what the source has; it may not be in the store yet."
    raise AgentError("config", f"binary log: there is no transaction {until['gtid']} behind the recovery point", hint=hint)


def _before_drop(transactions: Iterable[Transaction], until: ReplayUntil) -> Stop:
    """Before the last drop: the table may have been dropped and made anew before."""
    stop: Stop | None = None
    before: Transaction | None = None
    for count, one in enumerate(transactions):
        if (until["schema"], until["table"]) in one.drops or (until["schema"], "") in one.drops:
            stop = Stop(count, before)
        before = one
    if stop is None:
        name = f"{until['schema']}.{until['table']}"
        hint = "Names are matched exactly. Is it in the log already? RENAME and TRUNCATE are no drop: ask for a moment then."
        raise AgentError("config", f"binary log: no drop of {name} behind the recovery point", hint=hint)
    return stop


def _up_to_position(transactions: Iterable[Transaction], until: ReplayUntil) -> Stop:
    count, last = 0, None
    for one in transactions:
        if one.file == until["file"] and one.end > until["offset"]:
            if one.start < until["offset"]:
                raise _torn(one, until["offset"])
            break
        count, last = count + 1, one
    return Stop(count, last)


def _torn(one: Transaction, offset: int) -> AgentError:
    what = f"binary log: {one.file} offset {offset} lies within a transaction (from {one.start} to {one.end})"
    return AgentError("integrity", what, hint="Recovery point and log are not of the same history: take a new backup.")


FINDERS = {"moment": _before_later, "gtid": _with_gtid, "drop": _before_drop, "position": _up_to_position}
