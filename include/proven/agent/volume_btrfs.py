"""A volume on btrfs: a read-only snapshot of the subvolume that a folder lies in.

The kernel writes what is dirty of the subvolume before it takes the snapshot, so that what is in no file's fsync is in it, too.
Whoever has a snapshot keeps it locked (flock): one that nobody has locked was left by an agent that was killed.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import time
from collections.abc import Sequence

from . import folder_locks, processes
from .context import Context
from .errors import AgentError
from .pipeline import describe_status

PREFIX = ".proven-snapshot-"
ROOT = 256
"""The inode number of every subvolume's own folder."""
PATIENCE = 60.0
"""Seconds that another agent gets to make its snapshot in the same folder."""
INTERVAL = 0.05
ELSEWHERE = ("cross-device", "not a btrfs")
HINT = (
    "Run the backup as root on the database's host, or as the user to whom the data directory belongs, on a file system that "
    "is mounted with user_subvol_rm_allowed."
)
HINT_PLACE = (
    "A snapshot must lie on the file system of its subvolume: name a folder there as `snapshot.folder` in the fleet file, "
    "which the data directory's own parent is not."
)


class Btrfs:
    """One snapshot. `volumes.Volume` says what each method does. It is used in the main thread, because tools are started."""

    def __init__(self, folder: pathlib.Path, snapshot: pathlib.Path, context: Context, path: Sequence[str]) -> None:
        self._source = folder
        self._snapshot = snapshot.with_name(PREFIX + snapshot.name)
        self._context = context
        self._path = path
        self._subvolume = folder
        self._locks: list[int] = []
        self.folder = self._snapshot

    def require(self) -> None:
        """Find the subvolume, sweep, and make a snapshot that is removed at once. Nobody else makes one here until `wait`."""
        self._require_btrfs()
        self._subvolume = _find_subvolume(self._source)
        self.folder = self._snapshot / self._source.relative_to(self._subvolume)
        self._lock_place()
        for left in sorted(self._snapshot.parent.glob(f"{PREFIX}*")):
            lock = folder_locks.lock(left, HINT)
            if lock is not None:
                self._delete(left)
                os.close(lock)  # its room is free only when nobody has it open
        self._context.call_at_end(self._remove_at_end)
        self._make(None)
        self._delete(self._snapshot)

    def wait(self, seconds: float | None) -> bool:
        """Make the snapshot and lock it."""
        if not self._make(seconds):
            return False
        own = folder_locks.lock(self._snapshot, HINT)
        if own is None:
            raise AgentError("source", f"{self._snapshot}: another process has it locked")
        self._locks.append(own)
        os.close(self._locks.pop(0))  # others may make theirs
        return True

    def remove(self) -> None:
        """Remove it."""
        self._delete(self._snapshot)
        while self._locks:
            os.close(self._locks.pop())

    def _require_btrfs(self) -> None:
        argv = ["stat", "--file-system", "--format=%T", str(self._source)]
        tool = processes.start(argv, self._context.commands, path=self._path, stdout=subprocess.PIPE)
        kind = tool.stdout.read().decode().strip()
        if tool.wait() or kind != "btrfs":
            hint = "Move it to a subvolume of btrfs, or choose another `method` for this database in the fleet file."
            what = f"the data directory {self._source} lies on {kind or 'an unknown file system'}, and `snapshot` says btrfs"
            raise AgentError("config", what, detail=tool.last_words(), hint=hint)

    def _lock_place(self) -> None:
        until = time.monotonic() + PATIENCE
        while (lock := folder_locks.lock(self._snapshot.parent, HINT)) is None:
            if time.monotonic() > until:
                what = f"another backup has made a snapshot in {self._snapshot.parent} for {PATIENCE:g} s"
                raise AgentError("source", what, hint="Find it (`lsof` on that folder) and end it if it hangs.")
            time.sleep(INTERVAL)
        self._locks.append(lock)

    def _make(self, seconds: float | None) -> bool:
        return self._run(["snapshot", "-r", str(self._subvolume), str(self._snapshot)], "can't be made", seconds)

    def _delete(self, snapshot: pathlib.Path) -> None:
        self._run(["delete", str(snapshot)], "can't be removed", None)

    def _run(self, arguments: list[str], what: str, seconds: float | None) -> bool:
        argv = ["btrfs", "subvolume", *arguments]
        tool = processes.start(argv, self._context.commands, path=self._path)
        try:
            status = tool.wait(seconds)
        except subprocess.TimeoutExpired:
            tool.kill()  # it may be in the kernel, and stay there for as long as that writes
            return False
        if status:
            words = tool.last_words()
            hint = HINT_PLACE if any(text in words for text in ELSEWHERE) else HINT
            what = f"the snapshot {arguments[-1]} {what}: {tool.name} {describe_status(status)}"
            raise AgentError("source", what, detail=words[-500:], hint=hint)
        return True

    def _remove_at_end(self) -> None:
        """Remove it, though no tool can be started any more that is watched."""
        if self._snapshot.exists():
            argv = [processes.find_program("btrfs", self._path), "subvolume", "delete", str(self._snapshot)]
            subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=processes.environment(()))


def _find_subvolume(folder: pathlib.Path) -> pathlib.Path:
    while folder.stat().st_ino != ROOT:
        folder = folder.parent
    return folder
