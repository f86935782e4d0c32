"""A sandbox as a process of this machine: a scratch server of an unprivileged user, on a unix socket, without network.

<directory>/<sandbox>/sandbox.json     what it is, written before anything else
                      data/ run/ files/ error.log     `servers.ServerProcess`
<directory>/.<sandbox>.lock            held by whoever builds or destroys it: the kernel lets go of it when that one dies
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
from collections.abc import Iterator, Sequence

from include.proven import engines, servers
from include.proven.engines.contract import Engine
from include.proven.errors import ProvenError, SandboxError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.hosts.local import LocalHost
from include.proven.manifest import Server
from include.proven.sandboxes.contract import Endpoint, Found, Instance, Order

NAME = re.compile(r"proven-[a-z0-9][a-z0-9-]*")
RECORD = "sandbox.json"
EMPTY_BYTES = 600 * 1024**2
"""What a server with nothing in it takes up: redo log, undo, system tables."""
MEBIBYTE = 1024**2
POOL_BYTES = (256 * MEBIBYTE, 1024 * MEBIBYTE)
"""The buffer pool is as large as the dump, within these limits."""
SIZE = "local"
FLAVOURS = {"mariadb": "MariaDB", "mysql": "MySQL"}


class LocalSandbox:
    """Scratch servers on this machine. `sandboxes/contract.py` says what each method does."""

    def __init__(self, name: str, config: fleet_sandboxes.LocalSandbox, tools: Sequence[pathlib.Path]) -> None:
        self.name = name
        self.directory = config.directory.expanduser().absolute()
        self.space_factor = config.space_factor
        self.lifetime = config.lifetime
        self.tools = tools

    def create(self, order: Order) -> None:
        """Build the scratch server, unless one of that name answers already. It is ready when this returns."""
        name, engine = order.name, engines.engine(order.server.flavour)
        self._check_series(engine, order.server)
        self._make_directory()
        with self._locked(name):
            if (self._place(name) / RECORD).exists() and self._process(name, engine).answers():
                return
            self._remove(name)
            self._check_space(order.data_bytes)
            try:
                self._build(engine, order)
            except BaseException:
                self._remove(name)
                raise

    def ready(self, name: str) -> Instance:
        """Return the instance: `create` has waited for it."""
        return self.instance(name)

    def instance(self, name: str) -> Instance:
        """Return an instance that was ready before. Raise SandboxError if it is not there or is dead."""
        try:
            record = json.loads((self._place(name) / RECORD).read_text())
        except FileNotFoundError:
            raise SandboxError(f"sandbox {self.name}: there is no {name}", detail=str(self.directory)) from None
        process = self._process(name, engines.engine(record["flavour"]))
        if not process.answers():
            raise SandboxError(
                f"sandbox {self.name}: the server of {name} does not answer",
                detail=process.tail(),
                hint="Its log is above; a server that vanished without a word was killed, most often for lack of memory.",
            )
        endpoint = Endpoint(flavour=record["flavour"], socket=str(process.socket))
        return Instance(name=name, host=LocalHost(), endpoint=endpoint, size=SIZE)

    @contextlib.contextmanager
    def reach(self, name: str) -> Iterator[Endpoint]:
        """Return its socket: it is on this machine."""
        yield self.instance(name).endpoint

    def destroy(self, name: str) -> bool:
        """Destroy the sandbox of that exact name, whole or half built. Return False if there was none.

        Whoever is just building it loses its server first, so that it lets go.
        """
        place = self._place(name)
        was_there = place.exists()
        if not (was_there or self._lock_file(name).exists() or servers.find_processes(place / "data")):
            return False
        servers.kill_processes(place / "data")
        self._make_directory()
        with self._locked(name):
            return self._remove(name) or was_there

    def find(self) -> Iterator[Found]:
        """Yield every sandbox of ours that exists, whole or half built, sorted by name."""
        if not self.directory.exists():
            return
        for place in sorted(self.directory.iterdir()):
            if NAME.fullmatch(place.name) and place.is_dir():
                with contextlib.suppress(FileNotFoundError):
                    yield self._describe(place)

    def _describe(self, place: pathlib.Path) -> Found:
        try:
            record = json.loads((place / RECORD).read_text())
            created, expires = (datetime.datetime.fromisoformat(record[key]) for key in ("created_at", "expires_at"))
        except FileNotFoundError:
            # Its builder was killed before it wrote the record.
            created = datetime.datetime.fromtimestamp(place.stat().st_mtime, datetime.UTC)
            expires = created + self.lifetime
            record = {}
        told = {key: record.get(key, "") for key in ("database", "recovery_point", "drill")}
        return Found(place.name, created, expires, size=SIZE, **told)

    def _build(self, engine: Engine, order: Order) -> None:
        place = self._place(order.name)
        place.mkdir(mode=0o711)
        now = datetime.datetime.now(datetime.UTC)
        record = {
            "flavour": order.server.flavour,
            "created_at": now.isoformat(),
            "expires_at": (now + self.lifetime).isoformat(),
            **{key: getattr(order, key) for key in ("database", "recovery_point", "drill")},
        }
        (place / "new").write_text(json.dumps(record))
        (place / "new").rename(place / RECORD)
        lowest, highest = POOL_BYTES
        pool = f"--innodb-buffer-pool-size={min(max(order.data_bytes, lowest), highest) // MEBIBYTE}M"
        first = place / "first.sql"
        first.write_text(engine.first_statements())
        process = self._process(order.name, engine, settings=order.server.settings, options=[pool, f"--init-file={first}"])
        process.prepare()
        process.start()

    def _remove(self, name: str) -> bool:
        place = self._place(name)
        was_running = servers.kill_processes(place / "data")
        if not place.exists():
            return was_running
        try:
            shutil.rmtree(place)
        except OSError as error:
            raise SandboxError(f"sandbox {self.name}: {name} can't be removed", detail=str(error)) from error
        return True

    def _process(
        self, name: str, engine: Engine, *, settings: dict[str, str] | None = None, options: Sequence[str] = ()
    ) -> servers.ServerProcess:
        return servers.ServerProcess(engine, self._place(name), tools=self.tools, settings=settings, options=options)

    def _place(self, name: str) -> pathlib.Path:
        if not NAME.fullmatch(name):
            raise SandboxError(f"sandbox {self.name}: {name!r} is no name of a sandbox")
        return self.directory / name

    def _lock_file(self, name: str) -> pathlib.Path:
        return self.directory / f".{name}.lock"

    def _make_directory(self) -> None:
        """Make the directory of all sandboxes, open to pass through. Raise SandboxError if another user could reach into it."""
        try:
            self.directory.mkdir(mode=0o711, parents=True)
            self.directory.chmod(0o711)
        except FileExistsError:
            owner = self.directory.stat().st_uid
            if owner not in {0, os.geteuid()}:
                raise SandboxError(
                    f"sandbox {self.name}: directory {self.directory} belongs to user {owner}, not to us",
                    hint="Choose another `directory:`, or have it removed.",
                ) from None
        except OSError as error:
            raise SandboxError(f"sandbox {self.name}: directory {self.directory} can't be made", detail=str(error)) from error

    def _check_series(self, engine: Engine, server: Server) -> None:
        program = engine.server_programs()[0]
        source = f"{FLAVOURS[server.flavour]} {server.version}"
        try:
            version = servers.program_version(program, self.tools)
        except ProvenError as error:
            error.what = f"sandbox {self.name} can't serve {source}: {error.what}"
            raise
        if not engine.same_series(server, version):
            raise SandboxError(
                f"sandbox {self.name} has {program} {version}, the source was {source}",
                hint="A dump is judged by a server of its own flavour and series only: "
                "install that server too, and name the directory of its programs in the fleet's `tools:`.",
            )

    def _check_space(self, data_bytes: int) -> None:
        needed, free = int(data_bytes * self.space_factor) + EMPTY_BYTES, shutil.disk_usage(self.directory).free
        if needed > free:
            raise SandboxError(
                f"no space for the sandbox in {self.directory}: needs {needed / 1e9:,.1f} GB, has {free / 1e9:,.1f} GB",
                hint=f"The dump is {data_bytes / 1e9:,.1f} GB: free some space, or move `directory:` of sandbox {self.name}.",
            )

    @contextlib.contextmanager
    def _locked(self, name: str, *, time_limit: float = 240) -> Iterator[None]:
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
                raise SandboxError(f"sandbox {self.name}: another process has been at work on {name} for {time_limit:.0f} s")
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
