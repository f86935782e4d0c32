"""Brings the dump tool and the fingerprint's session to one moment of the source.

With a lock, both open their snapshots under it. Where the account may take none (`lock: if-allowed`), two sessions of ours open
theirs, one before the dump tool and one after it: what is alike in both was not written in between, and so is in the dump as it
is in them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from . import loose_tables, position, snapshot
from .client import Session
from .held_tool import HeldTool, HeldTools
from .jobs import BackupJob
from .privileges import NotAllowedError

STAY = "SET SESSION wait_timeout = 604800"
"""Sessions that wait for the dump, or for each other, say nothing for hours, and a server ends those that do for too long."""


class Moment:
    """One moment on its way. Made in the main thread, because sessions are; opened in any."""

    def __init__(
        self,
        job: BackupJob,
        server: dict[str, Any],
        reader: Session,
        connect: Callable[[], Session],
        *,
        positions: position.Reader,
        open_beside: Callable[[], None],
        loose: list[tuple[str, str]],
    ) -> None:
        self.at = ""
        """The source's clock in the snapshot, ISO 8601 in UTC."""
        self.position = dict(position.NOWHERE)
        self.later: Session | None = None
        """The session that has its snapshot after the dump's; None where a lock made them one."""
        self._seconds = job["lock_seconds"]
        self._may_do_without = job["lock"] == "if-allowed"
        self._reader = reader
        self._positions = positions
        self._open_beside = open_beside
        """Opens another session's snapshot, at the moment of the reader's."""
        self._lock = snapshot.Lock(connect(), self._seconds, snapshot.choose_kind(server))
        self._spare = connect() if self._may_do_without else None
        holder = connect() if loose else None
        self._tables = loose_tables.TableLock(holder, loose) if holder else None
        for session in filter(None, (reader, self._spare, holder)):
            session.execute(STAY)
        self._described = dict(snapshot.NOT_LOCKED)
        self._open = threading.Event()

    def open(self, dump: HeldTool | HeldTools, marker: snapshot.Shared) -> None:
        """Let the dump tool and our own session open their snapshots. Raise AgentError (source); nothing is locked then."""
        try:
            dump.wait_until_ready(self._seconds)
            if self._take_lock():
                self._open_locked(dump, marker)
            else:
                self._open_unlocked(dump, marker)
        except BaseException:
            self.cut()
            raise
        self._open.set()

    def wait(self) -> None:
        """Wait until it is open."""
        self._open.wait()

    def end(self) -> None:
        """Let go the tables that were locked for the dump. Raise AgentError (source) if their lock was lost before."""
        if self._tables:
            self._tables.release()
        if self.later:
            self.later.close()

    def cut(self) -> None:
        """Let go whatever is locked, at once, from any thread."""
        self._lock.cut()
        if self._tables:
            self._tables.cut()

    def describe(self) -> dict[str, Any]:
        """Return the lock as `manifest.Lock` has it."""
        return {**self._described, "tables": self.locked_tables}

    @property
    def locked_tables(self) -> list[str]:
        """Those that are in no snapshot and whose writers wait until the end."""
        return self._tables.names if self._tables else []

    def _take_lock(self) -> bool:
        try:
            self._lock.take(self._lock_tables)
        except NotAllowedError:
            if not self._may_do_without:
                raise
            return False
        return True

    def _lock_tables(self, seconds: float) -> None:
        if self._tables is None:
            return
        try:
            self._tables.take(seconds)
        except NotAllowedError:
            if not self._may_do_without:
                raise
            self._tables = None

    def _open_locked(self, dump: HeldTool | HeldTools, marker: snapshot.Shared) -> None:
        dump.go()
        self.at = snapshot.open_snapshot(self._reader)
        self._open_beside()
        self.position = self._positions.read(self._lock.session)
        self._lock.release(marker)
        self._described = self._lock.describe()
        if self._spare:
            self._spare.close()

    def _open_unlocked(self, dump: HeldTool | HeldTools, marker: snapshot.Shared) -> None:
        assert self._spare is not None  # noqa: S101 - it was connected for this
        self._lock_tables(self._seconds)
        before = self._positions.read(self._reader)
        self.at = snapshot.open_snapshot(self._reader)
        self._open_beside()
        dump.go()
        marker.wait(None)
        snapshot.open_snapshot(self._spare)
        if before == self._positions.read(self._spare):
            self.position = before  # nobody has committed meanwhile
        self.later = self._spare


def mark_unsteady(fingerprint: dict[str, Any], later: dict[str, Any]) -> None:
    """Given the fingerprints before and after the dump's snapshot, say in the first which tables were written in between."""
    for name, table in fingerprint["tables"].items():
        after = later["tables"].get(name, {})
        if (table["rows"], table["digest"]) != (after.get("rows"), after.get("digest")):
            table["unsteady"] = True
