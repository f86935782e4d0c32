"""Where local sandboxes lie: one directory, a folder in it for each, and locks that the kernel drops with their holder.

<directory>/<sandbox>/sandbox.json     what it is, written before anything else
                      data/ run/ files/ error.log     `servers.ServerProcess`
                      incoming/data     a data directory that is to take the place of its own
<directory>/.<sandbox>.lock            held by whoever builds or destroys it

The directory itself is locked by whoever counts what is there and adds to it.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import re
import shutil
import time
from collections.abc import Iterator
from typing import Any

from include.proven.errors import SandboxError
from include.proven.manifest import Server
from include.proven.sandboxes import guard
from include.proven.sandboxes.contract import Found, Order, SandboxFullError

NAME = re.compile(r"proven-[a-z0-9][a-z0-9-]*")
RECORD = "sandbox.json"
ABOUT = ("database", "recovery_point", "drill")
SIZE = "local"


class Places:
    """The directory of one sandbox of the fleet. Errors name it by `sandbox`."""

    def __init__(self, sandbox: str, directory: pathlib.Path) -> None:
        self.sandbox = sandbox
        self.directory = directory

    def place(self, name: str) -> pathlib.Path:
        """Return the folder of a sandbox. Raise SandboxError for a name that is none of ours."""
        if not NAME.fullmatch(name):
            raise SandboxError(f"sandbox {self.sandbox}: {name!r} is no name of a sandbox")
        return self.directory / name

    def names(self) -> list[str]:
        """Return the names of all that exist, whole or half built, sorted."""
        if not self.directory.exists():
            return []
        return sorted(place.name for place in self.directory.iterdir() if NAME.fullmatch(place.name) and place.is_dir())

    def take(self, order: Order, at_once: int, lifetime: datetime.timedelta) -> None:
        """Make the folder and the record of a new sandbox. Raise SandboxFullError if `at_once` exist, expired ones too."""
        with self._counting():
            if len(there := self.names()) >= at_once:
                raise SandboxFullError(
                    f"sandbox {self.sandbox} is full: {len(there)} exist, at most {at_once} may",
                    detail="\n".join(there),
                    hint="Wait for one to be destroyed, or raise `at_once` if the machine can carry more.",
                )
            self.place(order.name).mkdir(mode=0o711)
        now = datetime.datetime.now(datetime.UTC)
        record = {
            "flavour": order.server.flavour,
            "created_at": now.isoformat(),
            "expires_at": (now + lifetime).isoformat(),
            **{key: getattr(order, key) for key in (*ABOUT, "data_bytes", "tables")},
            "server": order.server.model_dump(mode="json"),
        }
        place = self.place(order.name)
        (place / "new").write_text(json.dumps(record))
        (place / "new").rename(place / RECORD)

    def record(self, name: str) -> dict[str, Any]:
        """Return what was recorded of a sandbox. Raise FileNotFoundError if its builder did not come so far."""
        record: dict[str, Any] = json.loads((self.place(name) / RECORD).read_text())
        return record

    def order(self, name: str) -> Order:
        """Return what was ordered under that name. Raise FileNotFoundError as `record` does."""
        record = self.record(name)
        told = {key: record[key] for key in (*ABOUT, "data_bytes", "tables")}
        return Order(name=name, server=Server.model_validate(record["server"]), **told)

    def describe(self, name: str, lifetime: datetime.timedelta) -> Found:
        """Return a sandbox as the reaper wants it. Raise FileNotFoundError if it is gone."""
        try:
            record = self.record(name)
            created, expires = (datetime.datetime.fromisoformat(record[key]) for key in ("created_at", "expires_at"))
        except FileNotFoundError:
            # Its builder was killed before it wrote the record.
            created = datetime.datetime.fromtimestamp(self.place(name).stat().st_mtime, datetime.UTC)
            expires = created + lifetime
            record = {}
        told = {key: record.get(key, "") for key in ABOUT}
        return Found(name, created, expires, size=SIZE, **told)

    def remove(self, name: str) -> bool:
        """Remove the folder of a sandbox whose server has ended; return False if there was none."""
        if not self.place(name).exists():
            return False
        try:
            shutil.rmtree(self.place(name))
        except OSError as error:
            raise SandboxError(f"sandbox {self.sandbox}: {name} can't be removed", detail=str(error)) from error
        return True

    def make_directory(self) -> None:
        """Make the directory of all sandboxes, open to pass through. Raise SandboxError if another user could reach into it."""
        try:
            self.directory.mkdir(mode=0o711, parents=True)
            self.directory.chmod(0o711)
        except FileExistsError:
            owner = self.directory.stat().st_uid
            if owner not in {0, os.geteuid()}:
                raise SandboxError(
                    f"sandbox {self.sandbox}: directory {self.directory} belongs to user {owner}, not to us",
                    hint="Choose another `directory:`, or have it removed.",
                ) from None
        except OSError as error:
            what = f"sandbox {self.sandbox}: directory {self.directory} can't be made"
            raise SandboxError(what, detail=str(error)) from error

    def check_space(self, needed: int, data_bytes: int) -> None:
        """Raise SandboxError if `needed` bytes are not free, besides those that the guard wants to stay free."""
        disk = shutil.disk_usage(self.directory)
        free = max(0, disk.free - int(disk.total * guard.LEAST_FREE))
        if needed > free:
            raise SandboxError(
                f"no space for the sandbox in {self.directory}: needs {needed / 1e9:,.1f} GB, has {free / 1e9:,.1f} GB "
                f"({guard.LEAST_FREE:.0%} of the disk stay free)",
                hint=f"The dump is {data_bytes / 1e9:,.1f} GB: free some space or move `directory:` of sandbox {self.sandbox}.",
            )

    def is_locked(self, name: str) -> bool:
        """Say whether somebody builds or destroys the sandbox of that name, or was killed at it."""
        return self._lock_file(name).exists()

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        handle = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _lock_file(self, name: str) -> pathlib.Path:
        return self.directory / f".{name}.lock"

    @contextlib.contextmanager
    def locked(self, name: str, *, time_limit: float = 240) -> Iterator[None]:
        """Hold the lock of a name: two that build, or one that builds and one that destroys, take turns."""
        path = self._lock_file(name)
        deadline = time.monotonic() + time_limit
        while True:
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
            try:
                if _try_lock(handle) and _is_file(handle, path):
                    try:
                        yield
                    finally:
                        path.unlink()
                    return
            finally:
                os.close(handle)
            if time.monotonic() > deadline:
                raise SandboxError(f"sandbox {self.sandbox}: another process has been at work on {name} for {time_limit:.0f} s")
            time.sleep(0.1)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_file(handle: int, path: pathlib.Path) -> bool:
    """Say whether the file that was locked still has its name: the one before us removes it while we wait."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
