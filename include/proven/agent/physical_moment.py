"""Brings a physical backup and the fingerprint's session to one moment: that at which the tool holds all commits back.

The tool tells on its standard error which lock it has got, and waits there until it has been heard (`processes.start`). So it
is held twice: when no DDL runs any more, for a look at the definitions, which holds up no writer of rows; and when no commit
does, until our session has its snapshot.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

from . import explain, position, snapshot
from .client import Session
from .errors import AgentError

NO_DDL = "Acquired locks for BACKUP STAGE BLOCK_DDL"
ASKED = re.compile(r"Start(?:ing|ed) BACKUP STAGE (?:START|FLUSH|BLOCK_DDL|BLOCK_COMMIT)")
NO_COMMIT_ASKED = "BACKUP STAGE BLOCK_COMMIT"
GRANTED = "Acquired locks for BACKUP STAGE"
RELEASED = "All tables unlocked"
POSITION = re.compile(r"binlog position: filename '([^']+)', position '(\d+)'")


class Hearing:
    """Hears a tool out, line by line, and holds it where it has got a lock. A timer cuts it off when it waits, or holds
    commits back, for longer than `seconds`."""

    def __init__(self, marker: str, seconds: float) -> None:
        self.found = False
        """Whether the tool has said `marker`: commits are held back."""
        self.ended = threading.Event()
        """The tool says nothing more."""
        self.file_and_offset: tuple[str, int] | None = None
        """Where the tool has seen the binary log."""
        self.waited = self.held = 0.0
        """Seconds for which the lock on commits was waited for, and held."""
        self.overran = ""
        """What took too long."""
        self._marker = marker
        self._seconds = seconds
        self._line = b""
        self._kill: Callable[[], None] = lambda: None
        self._timer: threading.Timer | None = None
        self._asked = self._granted = 0.0
        self._reached = {NO_DDL: threading.Event(), marker: threading.Event(), RELEASED: threading.Event()}
        self._passes = {NO_DDL: threading.Event(), marker: threading.Event()}

    def attach(self, kill: Callable[[], None]) -> None:
        """Say how the tool is ended."""
        self._kill = kill

    def hear(self, data: bytes) -> None:
        """Take in what the tool says next; it waits until this returns. Nothing is its end."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", "replace"))
        if not data:
            self._stop_timer()
            self.ended.set()
            for event in self._reached.values():
                event.set()

    def wait_for(self, word: str) -> None:
        """Wait until the tool is held at `word`, or has said it. Raise AgentError (source, tool) if it ended before."""
        self._reached[word].wait()
        if self.overran:
            hint = "Find what holds it up (SHOW PROCESSLIST: long queries, DDL), or raise `lock_time_limit` in the fleet file."
            what = f"the physical backup took longer than {self._seconds:g} s for {self.overran}; nothing is locked any more"
            raise AgentError("source", what, hint=hint)
        if self.ended.is_set() and word != RELEASED:
            raise AgentError("tool", f"the backup tool ended before it said {word!r}")

    def let_pass(self, word: str) -> None:
        """Let the tool go on from `word`."""
        self._passes[word].set()

    def cut(self) -> None:
        """Hold nothing any more: the backup has failed."""
        for event in self._passes.values():
            event.set()

    def _take(self, line: str) -> None:
        now = time.monotonic()
        if ASKED.search(line):
            self._asked = now
            self._start_timer(line[line.index("BACKUP STAGE") :])
        elif self._marker in line:
            self.waited, self._granted, self.found = now - self._asked, now, True
            self._hold(self._marker)
        elif GRANTED in line:
            self._stop_timer()
            if NO_DDL in line:
                self._hold(NO_DDL)
        elif RELEASED in line:
            self._stop_timer()
            self.held = now - self._granted
            self._reached[RELEASED].set()
        elif found := POSITION.search(line):
            self.file_and_offset = (found[1], int(found[2]))

    def _hold(self, word: str) -> None:
        self._reached[word].set()
        self._passes[word].wait()

    def _start_timer(self, what: str) -> None:
        self._stop_timer()
        self._timer = threading.Timer(self._seconds, self._overrun, [what])
        self._timer.daemon = True
        self._timer.start()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _overrun(self, what: str) -> None:
        self.overran = what
        self._kill()
        self.cut()


class PhysicalMoment:
    """One moment on its way. Made in the main thread, because sessions are; opened in any. Stands in for `moment.Moment`."""

    later: Session | None = None
    locked_tables: tuple[str, ...] = ()
    """Tables that are in no snapshot: the tool copies them whole, and our session sees them later."""

    def __init__(
        self,
        hearing: Hearing,
        marker: str,
        reader: Session,
        witness: Session,
        *,
        positions: position.Reader,
        look: Callable[[], None],
        open_beside: Callable[[], None],
    ) -> None:
        self.at = ""
        self.position = dict(position.NOWHERE)
        self._hearing = hearing
        self._marker = marker
        self._reader = reader
        self._witness = witness
        self._positions = positions
        self._look = look
        """Looks at the definitions, while no DDL runs."""
        self._open_beside = open_beside
        """Does what must be done at the snapshot's moment besides."""
        self._open = threading.Event()

    def open(self) -> None:
        """Open our snapshot while the tool holds commits back. Raise AgentError (source, tool); nothing is locked then."""
        try:
            self._hearing.wait_for(NO_DDL)
            self._look()
            self._hearing.let_pass(NO_DDL)
            self._hearing.wait_for(self._marker)
            self.at = snapshot.open_snapshot(self._reader)
            self.position = self._positions.read(self._reader)
            self._open_beside()
            self._require_held()
            self._hearing.let_pass(self._marker)
            self._open.set()
            self._hearing.wait_for(RELEASED)
        except BaseException:
            self._hearing.cut()
            raise

    def wait(self) -> None:
        """Wait until it is open, or never will be."""
        while not self._open.wait(0.2):
            if self._hearing.ended.is_set() and not self._open.wait(1.0):
                raise AgentError("tool", "the backup tool ended before its snapshot could be shared")

    def describe(self) -> dict[str, Any]:
        """Return the lock as `manifest.Lock` has it."""
        hearing = self._hearing
        return {
            "kind": "backup stage",
            "waited_seconds": round(hearing.waited, 3),
            "held_seconds": round(hearing.held, 3),
            "tables": [],
        }

    def require_position(self) -> None:
        """Raise AgentError (source) unless the tool has seen the binary log where our snapshot has."""
        ours, its = (self.position["file"], self.position["offset"]), self._hearing.file_and_offset
        if its is not None and ours[0] and its != ours:
            what = f"the physical backup is of position {its[0]}:{its[1]}, its fingerprint of {ours[0]}:{ours[1]}"
            raise AgentError("source", what, hint="Somebody ended the backup's lock (KILL?): take another backup.")

    def _require_held(self) -> None:
        """Raise AgentError (source) unless somebody has the server's backup lock, which only one can have."""
        try:
            self._witness.execute("BACKUP STAGE START")
        except AgentError as error:
            if explain.error_code(error.detail) in explain.WAITED:
                return
            raise
        what = "the backup tool had lost its lock when the snapshot was opened"
        raise AgentError("source", what, hint="Somebody ended its connection (KILL?): take another backup.")
