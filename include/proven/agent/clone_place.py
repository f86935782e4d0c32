"""Where a server's clone lies: a folder of ours on its host, which the server may write to, and which goes whatever happens.

Whoever has one keeps it locked. One that nobody has locked was left by an agent that was killed; its server may still write
there, for it does not notice that nobody waits for its clone any more.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import time
from collections.abc import Callable

from . import folder_locks
from .client import Session
from .context import Context
from .errors import AgentError

PREFIX = ".proven-clone-"
PATIENCE = 60.0
"""Seconds that the server gets to notice that a clone was ended."""
INTERVAL = 0.1
SPARE = 256 * 1024**2
"""Bytes of room that there must be besides a copy of all tablespaces: the system's own, redo log, what grows meanwhile."""
SIZE = "SELECT SUM(ALLOCATED_SIZE) FROM information_schema.INNODB_TABLESPACES"
PATH = re.compile(r"/[\w./@+-]*")
HINT = (
    "Run the backup on the database's host (`host` in the fleet file), as root or as the user to whom the data directory "
    "belongs, and let that user enter `clone_folder`."
)
WRITES = "SELECT ID FROM performance_schema.processlist WHERE ID <> CONNECTION_ID() AND INFO LIKE 'CLONE LOCAL%{}%'"
UUID = re.compile(r"^server-uuid\s*=\s*(\S+)", re.MULTILINE)


class ClonePlace:
    """A new folder for one clone after another. Made in the main thread."""

    def __init__(
        self, parent: pathlib.Path, name: str, datadir: pathlib.Path, connect: Callable[[], Session], context: Context
    ) -> None:
        """`connect` opens a session of the account that clones."""
        self._connect = connect
        self._parent = parent
        self._folder = parent / f"{PREFIX}{name}"
        self._datadir = datadir
        self._context = context

    def make(self) -> None:
        """Sweep after killed agents, see that there is room, and make the folder. Raise AgentError (config, source)."""
        if not PATH.fullmatch(str(self._parent)):
            hint = "Choose one without spaces, quotes and the like."
            raise AgentError("config", f"clone_folder {str(self._parent)!r} can't be named in a statement", hint=hint)
        if self._datadir in (self._parent, *self._parent.parents):
            hint = "Choose another folder, on a file system with room for a copy of all data."
            raise AgentError(
                "config", f"clone_folder {self._parent} is in the data directory, where no clone can be", hint=hint
            )
        whole = self._lock_parent()
        try:
            self._sweep()
            self._require_room()
            self._make()
        finally:
            os.close(whole)

    def new(self, number: int) -> pathlib.Path:
        """Return the path of a clone, which is not there yet."""
        return self._folder / f"clone-{number}"

    def remove(self) -> None:
        """Remove it all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _lock_parent(self) -> int:
        until = time.monotonic() + PATIENCE
        while (held := folder_locks.lock(self._parent, HINT)) is None:
            if time.monotonic() > until:
                what = f"another backup has swept {self._parent} for {PATIENCE:g} s"
                raise AgentError("source", what, hint="Find it (`lsof` on that folder) and end it if it hangs.")
            time.sleep(INTERVAL)
        return held

    def _sweep(self) -> None:
        for left in sorted(self._parent.glob(f"{PREFIX}*")):
            held = folder_locks.lock(left, HINT)
            if held is not None:
                end_clone(self._connect, left)
                shutil.rmtree(left, ignore_errors=True)
                os.close(held)

    def _require_room(self) -> None:
        with self._connect() as session:
            needed = int(session.query(SIZE)[0][0] or 0) + SPARE
        free = shutil.disk_usage(self._parent).free
        if free < needed:
            what = f"{self._parent} has {free} bytes left, and a clone needs about {needed}"
            raise AgentError("source", what, hint="Make room, or name a folder on a larger file system as `clone_folder`.")

    def _make(self) -> None:
        owner = self._datadir.stat()
        try:
            self._folder.mkdir(mode=0o700)
            os.chown(self._folder, owner.st_uid, owner.st_gid)
        except OSError as error:
            raise AgentError("source", f"{self._folder}: can't be made", detail=str(error), hint=HINT) from None
        self._context.remove_at_end(self._folder)
        folder_locks.lock(self._folder, HINT)  # kept until the agent ends: nobody else has seen it yet


def end_clone(connect: Callable[[], Session], folder: pathlib.Path) -> None:
    """End whatever clone the server is writing below a folder, and wait until it does no more. Raise AgentError (source)."""
    until = time.monotonic() + PATIENCE
    with connect() as session:
        while writing := session.query(WRITES.format(folder.name)):
            for (number,) in writing:
                # by then it may have ended by itself
                with contextlib.suppress(AgentError), connect() as other:
                    other.execute(f"KILL {int(number or 0)}")
            if time.monotonic() > until:
                what = f"the server goes on with a clone into {folder}, though it was ended"
                raise AgentError("source", what, hint="Look at SHOW PROCESSLIST.")
            time.sleep(INTERVAL)


def require_own_host(session: Session, datadir: pathlib.Path) -> None:
    """Raise AgentError (source) unless the data directory here is that of the server which the session leads to."""
    try:
        found = UUID.search((datadir / "auto.cnf").read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        what = f"the data directory {datadir} of the server can't be read from here"
        raise AgentError("source", what, detail=str(error), hint=HINT) from None
    if found is None or [(found[1],)] != session.query("SELECT @@GLOBAL.server_uuid"):
        raise AgentError("source", f"the data directory {datadir} here is another server's", hint=HINT)
