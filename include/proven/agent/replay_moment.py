"""A look at a server on its way through a binary log: at the end of one second, at what is there by then, and what is not."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from . import server, ticks
from .client import Session
from .replay_events import Transaction
from .replay_load import Leg
from .replay_stop import Stop, say_when, transactions_behind


class Halt(NamedTuple):
    """Where a way is halted: between two transactions."""

    transactions: int
    last: Transaction | None
    """The one before. None: the way has not begun."""
    following: Transaction | None
    """The one behind, whether the way leads on to it or not. None: the log ends here."""
    goes_on: bool
    """The way leads on."""
    files: Sequence[pathlib.Path]

    @property
    def at_start(self) -> bool:
        """Whether it is halted before anything is applied."""
        return self.last is None

    def divide(self, way: Leg | None) -> list[Leg]:
        """Return the legs before and behind, those that there are."""
        if way is None:
            return []
        if self.last is None or self.following is None or not self.goes_on:
            return [way]
        names = [path.name for path in self.files]
        rest = self.files[names.index(self.following.file) :]
        return [way._replace(last=self.last), Leg(rest, self.following.start, way.last)]


def find_halt(files: Sequence[pathlib.Path], start: int, moment: int, stop: Stop) -> Halt:
    """Return where a way is to be halted: behind all that was committed up to and in that second, and never behind its end."""
    count, last = 0, None
    for one in transactions_behind(files, start):
        if count == stop.transactions or one.committed_at > moment:
            return Halt(count, last, one, count < stop.transactions, files)
        count, last = count + 1, one
    return Halt(count, last, None, goes_on=False, files=files)


class Look:
    """One look on the way, and another at its end, by which the first is judged."""

    def __init__(self, session: Session, moment: int, halt: Halt) -> None:
        self.halt = halt
        self._session = session
        server.steady(session, session.endpoint["flavour"])
        self._behind = datetime.datetime.fromtimestamp(moment + 1, datetime.timezone.utc)
        self._tick: str | None = None

    def take(self) -> None:
        """Look at the halt."""
        self._tick = ticks.newest(self._session)

    def conclude(self) -> dict[str, Any]:
        """Look at the end, and return what was seen, as `jobs.ReplayJob` describes it."""
        if self._tick is None:
            self.take()
        return {
            "transactions": self.halt.transactions,
            "committed_at": say_when(self.halt.last),
            "next_at": say_when(self.halt.following),
            "tick": self._tick,
            "due": ticks.newest(self._session, before=self._behind) if self.halt.goes_on else "",
        }
