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
from typing import Any

from . import explain
from .client import Session
from .errors import AgentError


class Lock:
    """The global read lock of one session. A timer cuts it when the time is over, so that writers never wait longer."""

    def __init__(self, session: Session, seconds: float) -> None:
        self._granted = self._released = 0.0
        self._session = session
        self._limit = seconds
        self._asked = 0.0
        self._overran = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def take(self) -> None:
        """Take the lock. Raise AgentError (source) if that takes too long: then nothing is locked."""
        # Cutting the session is not enough while the server waits for others: it would notice later.
        self._session.execute(f"SET SESSION lock_wait_timeout = {max(1, math.ceil(self._limit))}")
        self._asked = time.monotonic()
        self._timer.start()
        self._execute("FLUSH TABLES WITH READ LOCK", "could not be taken")
        self._granted = time.monotonic()

    def release(self, marker: MarkerWatch) -> None:
        """Let the writers go on as soon as the dump has its snapshot. Raise AgentError (source) if it has none in time."""
        ended_or_seen = marker.wait(self._asked + self._limit - time.monotonic())
        if not ended_or_seen:
            self._cut()
        self._timer.cancel()
        self._execute("UNLOCK TABLES", "was held until then, and the dump had no snapshot yet")
        self._released = time.monotonic()
        self._session.close()

    def describe(self) -> dict[str, Any]:
        """Return the lock that has fallen as `manifest.Lock` has it. While it is waited for, writers may wait behind it."""
        return {
            "kind": "read lock",
            "waited_seconds": round(self._granted - self._asked, 3),
            "held_seconds": round(self._released - self._granted, 3),
        }

    def _execute(self, statement: str, what: str) -> None:
        try:
            self._session.execute(statement)
        except AgentError as error:
            if not self._overran and explain.error_code(error.detail) not in explain.WAITED:
                raise
            hint = "Find what holds it up (SHOW PROCESSLIST: long queries, DDL), or raise `lock_time_limit` in the fleet file."
            what = f"the read lock {what}, within {self._limit:g} s; nothing is locked any more"
            raise AgentError("source", what, detail=error.detail, hint=hint) from None

    def _cut(self) -> None:
        self._overran = True
        self._session.kill()


def open_snapshot(session: Session) -> str:
    """Open a consistent snapshot in the session and return its moment: the source's clock, ISO 8601 in UTC."""
    session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    moment = str(session.query("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f')")[0][0])
    return datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.timezone.utc).isoformat()


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

    def wait(self, seconds: float) -> bool:
        """Wait until the text has gone by or the stream has ended; return False if neither has happened after `seconds`."""
        return self._known.wait(max(0.0, seconds))
