"""Opens one moment of the source for two readers: the dump tool, and the session that takes the fingerprint.

A short global lock holds writers back until both have opened their snapshots; then both read at leisure (`moment.py`). The lock
is held for about as long as the dump tool takes to connect, and never longer than `lock_seconds`.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol

from . import explain
from .client import Session
from .errors import AgentError
from .privileges import NotAllowedError

VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
FIRST_BACKUP_STAGE = (10, 4, 2)


@dataclasses.dataclass(frozen=True)
class Kind:
    """One way to hold every writer back: what takes it, and what gives it up."""

    name: str
    """As `manifest.Lock` has it."""
    before_tables: tuple[str, ...]
    """What is taken before the tables that are in no snapshot are locked one by one."""
    after_tables: tuple[str, ...]
    """What is taken after that."""
    release: str


READ_LOCK = Kind("read lock", ("FLUSH TABLES WITH READ LOCK",), (), "UNLOCK TABLES")
BACKUP_STAGE = Kind(
    "backup stage",
    (),
    # Stage by stage, though the last alone would do: a session that was cut meanwhile goes no further.
    ("BACKUP STAGE START", "BACKUP STAGE FLUSH", "BACKUP STAGE BLOCK_DDL", "BACKUP STAGE BLOCK_COMMIT"),
    "BACKUP STAGE END",
)
"""Holds back commits and closes no table, so that no long query holds it up."""
OPEN_SNAPSHOT = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT;"
    " SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f')"
)
NOT_LOCKED: dict[str, Any] = {"kind": "none", "waited_seconds": 0.0, "held_seconds": 0.0}


def choose_kind(server: dict[str, Any]) -> Kind:
    """Return the lightest lock that the server (`server.describe`) has."""
    version = VERSION.search(server["version"].replace("5.5.5-", "", 1))
    known = tuple(int(number) for number in version.groups()) if version else (0,)
    # An older MariaDB is like MySQL in what a writer asks for first, too: leave to write, then its table.
    return BACKUP_STAGE if server["flavour"] == "mariadb" and known >= FIRST_BACKUP_STAGE else READ_LOCK


class Shared(Protocol):
    """Who else takes its snapshot under a lock: a tool that dumps (`MarkerWatch`), or a volume (`volumes.py`)."""

    def wait(self, seconds: float | None) -> bool:
        """Return when it has it, or False if it has none after `seconds`."""


class Lock:
    """The global lock of one session. A timer cuts it when the time is over, so that writers never wait longer."""

    def __init__(self, session: Session, seconds: float, kind: Kind) -> None:
        self._granted = self._released = 0.0
        self.session = session
        self._limit = seconds
        self._kind = kind
        self._asked = 0.0
        self._overran = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    @property
    def seconds_left(self) -> float:
        """How long it may still be held."""
        return max(0.0, self._asked + self._limit - time.monotonic())

    def take(self, lock_tables: Callable[[float], None]) -> None:
        """Take the lock. On the way `lock_tables`, given the seconds that are left, locks the tables that are in no snapshot.

        On MySQL under the global lock: a writer that waits for such a table would hold that up. On MariaDB before it: who waits
        for the global lock has such a table in its hands (`loose_tables.TableLock`). Raise AgentError (source) if it takes too
        long, NotAllowedError if the account may not: then nothing is locked.
        """
        # Cutting the session is not enough while the server waits for others: it would notice later.
        self.session.execute(f"SET SESSION lock_wait_timeout = {max(1, math.ceil(self._limit))}")
        self._asked = time.monotonic()
        self._timer.start()
        for statement in self._kind.before_tables:
            self._execute(statement, "could not be taken")
        lock_tables(self.seconds_left)
        for statement in self._kind.after_tables:
            self._execute(statement, "could not be taken")
        self._granted = time.monotonic()

    def release(self, other: Shared) -> None:
        """Let the writers go on as soon as the other has its snapshot. Raise AgentError (source) if it has none in time."""
        if not other.wait(self.seconds_left):
            self._cut()
        self._timer.cancel()
        self._execute(self._kind.release, "was held until then, and there was no snapshot yet")
        self._released = time.monotonic()
        self.session.close()

    def describe(self) -> dict[str, Any]:
        """Return the lock that has fallen as `manifest.Lock` has it. While it is waited for, writers may wait behind it."""
        return {
            "kind": self._kind.name,
            "waited_seconds": round(self._granted - self._asked, 3),
            "held_seconds": round(self._released - self._granted, 3),
        }

    def cut(self) -> None:
        """Let the writers go on at once, whatever else goes on."""
        self._timer.cancel()
        self.session.kill()

    def _execute(self, statement: str, what: str) -> None:
        try:
            self.session.execute(statement)
        except AgentError as error:
            code = explain.error_code(error.detail)
            if self._overran or code in explain.WAITED:
                raise self._overrun(error, what) from None
            # Amazon's servers answer 1045, as they would to a wrong password.
            if code in explain.MISSING_PRIVILEGE | explain.DENIED:
                raise self._not_allowed(error) from None
            raise

    def _overrun(self, error: AgentError, what: str) -> AgentError:
        hint = "Find what holds it up (SHOW PROCESSLIST: long queries, DDL), or raise `lock_time_limit` in the fleet file."
        what = f"the read lock {what}, within {self._limit:g} s; nothing is locked any more"
        return AgentError("source", what, detail=error.detail, hint=hint)

    def _not_allowed(self, error: AgentError) -> NotAllowedError:
        self._timer.cancel()
        user = self.session.endpoint["user"]
        hint = (
            f"Run GRANT RELOAD ON *.* TO that account ({user}), or set `lock: if-allowed` for this database: then tables that"
            " are written while the snapshots open are not proven."
        )
        return NotAllowedError("source", f"account {user} may not take the read lock", detail=error.detail, hint=hint)

    def _cut(self) -> None:
        self._overran = True
        self.session.kill()


def open_snapshot(session: Session) -> str:
    """Open a consistent snapshot in the session and return its moment: the source's clock, ISO 8601 in UTC."""
    # in one go: writers wait for the answer
    moment = str(session.query(OPEN_SNAPSHOT)[0][0])
    return datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.timezone.utc).isoformat()


class MarkerWatch:
    """Waits until a text has gone by in a stream, even across two pieces of it. The stream ends with the `with` block."""

    def __init__(self, marker: str) -> None:
        self.found = False
        self.ended = threading.Event()
        self._marker = marker.encode()
        self._carry = b""
        self._known = threading.Event()

    def __enter__(self) -> MarkerWatch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._known.set()
        self.ended.set()

    def see(self, data: memoryview) -> None:
        """Take in the next piece of the stream."""
        if self.found:
            return
        window = self._carry + bytes(data)
        self._carry = window[-len(self._marker) :]
        if self._marker in window:
            self.found = True
            self._known.set()

    def wait(self, seconds: float | None) -> bool:
        """Wait until the text has gone by or the stream has ended; return False if neither has happened after `seconds`."""
        return self._known.wait(seconds)
