"""Brings a volume's snapshot and the fingerprint's session to one moment: both are made under the short lock of `snapshot.py`.

What was committed before is in the server's files only when its redo log is written: the server does that under the lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import loose_tables, position, snapshot
from .client import Session
from .jobs import SnapshotJob
from .moment import STAY
from .privileges import NotAllowedError

WRITE_LOG = "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS"
"""With a binary log, a commit itself does not wait for its end in the redo log: after a crash the binary log would tell."""


class VolumeMoment:
    """One moment. Made and opened in the main thread."""

    def __init__(
        self,
        job: SnapshotJob,
        server: dict[str, Any],
        reader: Session,
        connect: Callable[[], Session],
        *,
        positions: position.Reader,
        open_beside: Callable[[], None],
        loose: list[tuple[str, str]],
    ) -> None:
        self.at = ""
        """The source's clock in the snapshots, ISO 8601 in UTC."""
        self.position = dict(position.NOWHERE)
        self._reader = reader
        self._positions = positions
        self._open_beside = open_beside
        """Does what must be done at that moment besides."""
        self._lock = snapshot.Lock(connect(), job["lock_seconds"], snapshot.choose_kind(server))
        holder = connect() if loose else None
        self._tables = loose_tables.TableLock(holder, loose) if holder else None
        for session in filter(None, (reader, holder, self._lock.session)):
            session.execute(STAY)

    def open(self, volume: snapshot.Shared, require: Callable[[], None] = lambda: None) -> None:
        """Have the snapshots made. `require` is asked as soon as the lock is granted. Raise AgentError (source); nothing is
        locked then."""
        try:
            self._take_lock()
            require()
            self.at = snapshot.open_snapshot(self._reader)
            self._open_beside()
            self.position = self._positions.read(self._lock.session)
            self._lock.session.execute(WRITE_LOG)
            self._lock.release(volume)
        except BaseException:
            self.cut()
            raise

    def end(self) -> None:
        """Let go the tables that are in no snapshot of the server's. Raise AgentError (source) if they were not held."""
        if self._tables:
            self._tables.release()

    def cut(self) -> None:
        """Let go whatever is locked, at once, from any thread."""
        self._lock.cut()
        if self._tables:
            self._tables.cut()

    def describe(self) -> dict[str, Any]:
        """Return the lock as `manifest.Lock` has it."""
        return {**self._lock.describe(), "tables": self.locked_tables}

    @property
    def locked_tables(self) -> list[str]:
        """Those that are in no snapshot of the server's, and whose writers wait until they are fingerprinted."""
        return self._tables.names if self._tables else []

    def _take_lock(self) -> None:
        try:
            self._lock.take(self._tables.take if self._tables else lambda seconds: None)
        except NotAllowedError as error:
            # `lock: if-allowed` is no way out: without it the files are of no moment that anything could be compared with
            error.hint = f"Run GRANT RELOAD, LOCK TABLES ON *.* TO that account ({self._reader.endpoint['user']})."
            raise
