"""Opens one moment of the source for two readers: the dump tool, and the session that takes the fingerprint.

A short global read lock holds writers back until both have opened their snapshots; then both read at leisure. The lock is
held for about as long as the dump tool takes to connect, and never longer than `lock_seconds`.
"""

from __future__ import annotations

import datetime
import math
import threading
import time
from types import TracebackType

from .client import Session
from .errors import AgentError


class Lock:
    """The global read lock of one session, with a time limit that also holds if the server never answers."""

    def __init__(self, session: Session, seconds: float) -> None:
        self.held_seconds = 0.0
        self._session = session
        self._limit = seconds
        self._taken = 0.0
        self._released = threading.Event()
        self._timer = threading.Timer(seconds, self._give_up)
        self._timer.daemon = True
        self._overran = False

    def take(self) -> None:
        """Take the lock. Raise AgentError (source) if that takes too long: then nothing is locked."""
        self._session.execute(f"SET SESSION lock_wait_timeout = {max(1, math.ceil(self._limit))}")
        self._timer.start()
        self._taken = time.monotonic()
        try:
            self._session.execute("FLUSH TABLES WITH READ LOCK")
        except AgentError:
            if self._overran:
                raise self._too_long("could not be taken") from None
            raise

    def release(self) -> None:
        """Let the writers go on. Raise AgentError (source) if the time limit did that before."""
        self._timer.cancel()
        try:
            self._session.execute("UNLOCK TABLES")
        except AgentError:
            if self._overran:
                raise self._too_long("was held before the dump had its snapshot") from None
            raise
        self.held_seconds = time.monotonic() - self._taken
        self._session.close()

    def _give_up(self) -> None:
        self._overran = True
        self._session.kill()

    def _too_long(self, what: str) -> AgentError:
        hint = (
            "Find what holds the lock up (SHOW PROCESSLIST: long queries, DDL), or raise `lock_time_limit` in the fleet file."
        )
        return AgentError("source", f"the read lock {what} within {self._limit:g} s; it is released", hint=hint)


def open_snapshot(session: Session) -> str:
    """Open a consistent snapshot in the session and return its moment: the source's clock, ISO 8601 in UTC."""
    session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    moment = str(session.query("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f')")[0][0])
    return datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.UTC).isoformat()


class MarkerWatch:
    """Waits until a text has gone by in a stream, even across two pieces of it. The stream ends with the `with` block."""

    def __init__(self, marker: str) -> None:
        self.found = False
        self._marker = marker.encode()
        self._carry = b""
        self._known = threading.Event()

    def __enter__(self) -> MarkerWatch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._known.set()

    def see(self, data: memoryview) -> None:
        """Take in the next piece of the stream."""
        if self.found:
            return
        window = self._carry + bytes(data)
        self._carry = window[-len(self._marker) :]
        if self._marker in window:
            self.found = True
            self._known.set()

    def wait(self) -> bool:
        """Wait for the text and return True, or False if the stream ended without it."""
        self._known.wait()
        return self.found
