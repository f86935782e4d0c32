"""One clone that the server makes of itself: `CLONE LOCAL DATA DIRECTORY`, and how far it is.

A clone is of the moment at which it begins to copy the redo log. That is its last step but one, and nothing can hold it there.
So the lock on commits is taken shortly before, and what counts is what the server says when it has been granted: where the redo
log has not been begun, all that is committed is in the clone, and nothing else will be.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import threading
import time

from .client import Session
from .errors import AgentError

INTERVAL = 0.005
"""Seconds between two looks; they are longer where there is much to look at."""
SHARE = 5
"""A look may take one of so many parts of the time."""
STAGES = (
    "SELECT STRAIGHT_JOIN p.STAGE, p.STATE, p.ESTIMATE, p.DATA FROM performance_schema.clone_status s"
    " JOIN performance_schema.clone_progress p WHERE s.DESTINATION LIKE '{}%'"
)
"""What was there before belongs to another clone: hence the destination, which is read first."""
FILES, REDO = "FILE COPY", "REDO COPY"
NOT_BEGUN, DONE = "Not Started", "Completed"
HINT = (
    "The server must be able to write to `clone_folder` (AppArmor and SELinux have a say in that), have room there, and have "
    "no files outside of its data directory; its error log says more."
)
HINT_MISSED = "Find what holds the read lock up (SHOW PROCESSLIST: long queries, DDL), or run the backup when less is written."


class MissedError(AgentError):
    """The clone was further than the lock: another try may do."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """How far one step of a clone is."""

    state: str
    estimate: int
    done: int
    """Bytes, of `estimate`; the server counts them about once a second."""


class Clone:
    """One clone. Its sessions are connected in the main thread; each method but `run` may be called from one other thread."""

    def __init__(self, folder: pathlib.Path, writer: Session, watcher: Session, ahead: float) -> None:
        """`ahead`: how many seconds before the end of the files the lock is to be taken."""
        self.folder = folder
        self._writer = writer
        self._watcher = watcher
        self._ahead = ahead
        self._ended = threading.Event()

    def run(self) -> None:
        """Have the server make it. Raise AgentError (source)."""
        try:
            self._writer.execute(f"CLONE LOCAL DATA DIRECTORY = '{self.folder}'")
        except AgentError as error:
            error.what, error.hint = f"the server's clone could not be made: {error.what}", error.hint or HINT
            raise
        finally:
            self._ended.set()

    def wait_until_near(self) -> None:
        """Wait until the files will have been copied soon. Raise MissedError if it has ended before."""
        begun = time.monotonic()
        while not self._ended.is_set():
            looked = time.monotonic()
            if self._is_near(time.monotonic() - begun):
                return
            time.sleep(max(INTERVAL, SHARE * (time.monotonic() - looked)))
        raise self._missed()

    def require_going_on(self) -> None:
        """Raise MissedError unless the redo log is still to be copied: whatever is committed now will be in the clone."""
        stage = self._stages().get(REDO)
        if stage is None or stage.state != NOT_BEGUN or self._ended.is_set():
            raise self._missed()

    def wait(self, seconds: float | None) -> bool:
        """Return when the redo log has been copied, or False if it is not after `seconds`: from then on commits are no matter.

        Raise AgentError (source) if it has failed.
        """
        until = time.monotonic() + seconds if seconds is not None else None
        while (stage := self._stages().get(REDO)) is None or stage.state != DONE:
            if self._ended.is_set():
                raise AgentError("source", "the server's clone has ended before its redo log was copied")
            if until is not None and time.monotonic() > until:
                return False
            time.sleep(INTERVAL)
        return True

    def cut(self) -> None:
        """Let go of the server at once; its clone goes on (`clone_place.end_clone`)."""
        self._writer.kill()
        self._watcher.kill()

    def close(self) -> None:
        """Close the sessions."""
        self._writer.close()
        self._watcher.close()

    def _is_near(self, elapsed: float) -> bool:
        stages = self._stages()
        stage, last = stages.get(FILES), stages.get(REDO)
        # it has a destination before it has forgotten how far the one before it was
        if stage is None or last is None or stage.state == NOT_BEGUN or last.state != NOT_BEGUN:
            return False
        copied = max(stage.done, count_bytes(self.folder))
        # it begins before it knows how much there is
        knows = stage.estimate > 0 and copied > 0
        return stage.state == DONE or (knows and (stage.estimate - copied) * elapsed <= copied * self._ahead)

    def _stages(self) -> dict[str, Stage]:
        rows = self._watcher.query(STAGES.format(self.folder))
        return {name or "": Stage(state or "", int(estimate or 0), int(done or 0)) for name, state, estimate, done in rows}

    def _missed(self) -> MissedError:
        what = "the server's clone was at its end before the read lock was granted"
        return MissedError("source", what, hint=HINT_MISSED)


def count_bytes(folder: pathlib.Path) -> int:
    """Return how many bytes of the disk a folder takes up that somebody writes to."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118 - there may be very many
            except OSError:
                continue
    return total
