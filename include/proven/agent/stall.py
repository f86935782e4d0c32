"""Ends a backup that stands still behind a lock, before production does.

Who wants a table for himself waits until nobody reads it, and whoever comes later waits behind him, readers too. Where this
backup keeps the table locked until it is dumped (it is in no snapshot), and its own dump comes later, all three would wait for
each other for a day, and no server can see it; with them waits whatever the source does with that table.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .client import Row, Session
from .errors import AgentError

INTERVAL = 2.0
"""Seconds between two looks."""
LOCKS = ("Waiting for table metadata lock", "Waiting for table level lock", "Waiting for schema metadata lock")
MOST = 5
"""Statements that an error shows."""
HINT = "Run the backup when no DDL runs, or set `non_transactional: report`: then no table stays locked while it is dumped."


class StallWatch:
    """Looks every other second whether the dump still moves. Made in the main thread, because sessions are."""

    def __init__(self, session: Session, seconds: float, moved: Callable[[], int]) -> None:
        """Given a session of its own, how long a lock may be waited for, and what tells the bytes that the dump has given."""
        self._session = session
        self._seconds = seconds
        self._moved = moved
        self._ended = threading.Event()

    def end(self) -> None:
        """Stop looking, from any thread."""
        self._ended.set()

    def run(self) -> None:
        """Look until `end`. Raise AgentError (source) if the account has waited for a lock for too long while nothing moved."""
        with self._session:
            seen, since = self._moved(), time.monotonic()
            while not self._ended.wait(INTERVAL):
                if self._moved() != seen:
                    seen, since = self._moved(), time.monotonic()
                elif time.monotonic() - since > self._seconds:
                    self._require_no_lock()

    def _require_no_lock(self) -> None:
        waiting = [row for row in self._session.query("SHOW FULL PROCESSLIST") if _state(row) in LOCKS]
        user = self._session.query("SELECT SUBSTRING_INDEX(USER(), '@', 1)")[0][0]
        if any(row[1] == user and int(row[5] or 0) >= self._seconds for row in waiting):
            what = f"the dump has waited for a lock for {self._seconds:g} s, and others may wait behind it"
            # without the privilege PROCESS the account sees only itself
            longest = sorted(waiting, key=lambda row: int(row[5] or 0), reverse=True)[:MOST]
            detail = "\n".join(f"{row[1]} has waited for {row[5]} s: {(row[7] or '')[-200:]}" for row in longest)
            raise AgentError("source", what, detail=detail, hint=HINT)


def _state(row: Row) -> str | None:
    """Id, User, Host, db, Command, Time, State, Info: so begins a line of every server's list."""
    return row[6]
