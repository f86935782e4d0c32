"""A sandbox as a process of this machine: a scratch server of an unprivileged user, on a unix socket, without network.

`local_place.py` says where it lies, `confinement.py` takes the network from it, `memory.py` limits its memory, and `guard.py`
ends it when it takes up too much of the disk or lives too long.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

from include.proven import engines, servers
from include.proven.engines.contract import Engine
from include.proven.errors import ProvenError, SandboxError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.hosts.local import LocalHost
from include.proven.manifest import Server
from include.proven.sandboxes import confinement, guard, memory
from include.proven.sandboxes.contract import Endpoint, Found, Instance, Order, Place
from include.proven.sandboxes.local_place import SIZE, Places

EMPTY_BYTES = 600 * 1024**2
"""What a server with nothing in it takes up: redo log, undo, system tables."""
TABLE_BYTES = 512 * 1024
"""What a small table may take up with its indexes and its share of undo: MariaDB 320 KiB seen, MySQL 150."""
MEBIBYTE = 1024**2
POOL_BYTES = (256 * MEBIBYTE, 1024 * MEBIBYTE)
"""The buffer pool is as large as the dump, within these limits, and at most half of `memory_limit`."""
FLAVOURS = {"mariadb": "MariaDB", "mysql": "MySQL"}
GUARD_OPTION = "--guard-of"
INCOMING = "incoming"
"""Folder beside the data directory."""


class LocalSandbox:
    """Scratch servers on this machine. `sandboxes/contract.py` says what each method does."""

    def __init__(self, name: str, config: fleet_sandboxes.LocalSandbox, tools: Sequence[pathlib.Path]) -> None:
        self.name = name
        self.config = config
        self.tools = tools
        self._places = Places(name, config.directory.expanduser().absolute())

    def create(self, order: Order) -> None:
        """Build the scratch server, unless one of that name answers already. It is ready when this returns."""
        name, engine = order.name, engines.engine(order.server.flavour)
        self._check_series(engine, order.server)
        self._places.place(name)
        self._places.make_directory()
        with self._places.locked(name):
            if self._answers(name):
                return
            self._remove(name)
            self._places.take(order, self.config.at_once, self.config.lifetime)
            try:
                self._build(engine, order)
            except BaseException:
                self._remove(name)
                raise

    def ready(self, name: str) -> Instance:
        """Return the instance: `create` has waited for it."""
        return self.instance(name)

    def instance(self, name: str) -> Instance:
        """Return an instance that was ready before. Raise SandboxError, with the reason, if it is not there or is dead."""
        try:
            flavour = self._places.record(name)["flavour"]
        except FileNotFoundError:
            raise SandboxError(f"sandbox {self.name}: there is no {name}", detail=str(self._places.directory)) from None
        process = self._process(name, engines.engine(flavour))
        found = servers.find_processes(process.datadir)
        if not found or not process.answers():
            raise self._why_dead(process) or SandboxError(
                f"sandbox {self.name}: the server of {name} does not answer",
                detail=process.tail(),
                hint="Its log is above; a server that vanished without a word was killed, most often for lack of memory.",
            )
        endpoint = Endpoint(flavour=flavour, socket=str(process.socket))
        inside = confinement.inside(found[0])
        return Instance(name=name, host=LocalHost(), endpoint=endpoint, size=SIZE, log=str(process.log), inside=inside)

    @contextlib.contextmanager
    def reach(self, name: str) -> Iterator[Endpoint]:
        """Return its socket: it is on this machine."""
        yield self.instance(name).endpoint

    def destroy(self, name: str) -> bool:
        """Destroy the sandbox of that exact name, whole or half built. Return False if there was none.

        Whoever is just building it loses its server first, so that it lets go.
        """
        place = self._places.place(name)
        was_there = place.exists()
        if not (was_there or self._places.is_locked(name) or servers.find_processes(place / "data")):
            return False
        servers.kill_processes(place / "data")
        self._places.make_directory()
        with self._places.locked(name):
            return self._remove(name) or was_there

    def find(self) -> Iterator[Found]:
        """Yield every sandbox of ours that exists, whole or half built, sorted by name."""
        for name in self._places.names():
            with contextlib.suppress(FileNotFoundError):
                yield self._places.describe(name, self.config.lifetime)

    def make_place(self, name: str) -> Place:
        """Make the folder in which a data directory is put together, and that belongs to the server's user."""
        process = self._process(name, engines.engine(self._places.record(name)["flavour"]))
        folder = process.directory / INCOMING
        folder.mkdir(mode=0o700, exist_ok=True)
        if process.uid is not None:
            os.chown(folder, process.uid, process.uid)
        return Place(datadir=str(folder / process.datadir.name), run_as=tuple(servers.as_user(process.uid)))

    def serve(self, name: str) -> None:
        """End the server, and begin it anew on what has come in. Its guard ends with it, and has a successor."""
        with self._places.locked(name):
            order = self._places.order(name)
            engine = engines.engine(order.server.flavour)
            process = self._process(name, engine)
            servers.kill_processes(process.datadir, option=GUARD_OPTION)
            process.stop(gently=0)
            # MySQL's: it names a process that is gone, and by now perhaps another of that number
            process.socket.with_name(f"{process.socket.name}.lock").unlink(missing_ok=True)
            shutil.rmtree(process.datadir)
            (process.directory / INCOMING / process.datadir.name).rename(process.datadir)
            files = engine.datadir_options(process.datadir)
            process = self._ordered(engine, order, first=engine.access_statements(), options=files)
            self._run(process, order, process.start)

    def _build(self, engine: Engine, order: Order) -> None:
        self._places.check_space(self._most(order), order.data_bytes)
        process = self._ordered(engine, order, first=engine.first_statements())

        def build() -> None:
            process.prepare()
            process.start()

        self._run(process, order, build)

    def _run(self, process: servers.ServerProcess, order: Order, begin: Callable[[], None]) -> None:
        """Have a server begin under a guard. Raise SandboxError that says who has killed it, if somebody has."""
        with self._guarded(process.datadir, self._most(order)):
            try:
                begin()
            except SandboxError as error:
                raise self._why_dead(process) or error from error

    def _ordered(self, engine: Engine, order: Order, *, first: str, options: Sequence[str] = ()) -> servers.ServerProcess:
        """Return the server that was ordered, isolated; `first` are the statements that it runs before it answers."""
        place = self._places.place(order.name)
        statements = place / "first.sql"
        statements.write_text(first)
        pool = f"--innodb-buffer-pool-size={self._pool(order.data_bytes) // MEBIBYTE}M"
        return self._process(
            order.name,
            engine,
            settings=order.server.settings,
            options=[pool, f"--init-file={statements}", *options],
            prefix=[*self._limit_memory(place), *confinement.without_network()],
        )

    def _most(self, order: Order) -> int:
        """Return how many bytes of the disk the sandbox may take up."""
        return int(order.data_bytes * self.config.space_factor) + order.tables * TABLE_BYTES + EMPTY_BYTES

    def _pool(self, data_bytes: int) -> int:
        lowest, highest = POOL_BYTES
        limit = self.config.memory_limit
        return min(max(data_bytes, lowest), highest, limit * MEBIBYTE // 2 if limit else highest)

    def _limit_memory(self, place: pathlib.Path) -> tuple[str, ...]:
        """Return what to put before the server so that it keeps to its memory. Raise SandboxError if no limit can be set."""
        limit = self.config.memory_limit
        return memory.join(memory.make(place, limit)) if limit else ()

    @contextlib.contextmanager
    def _guarded(self, datadir: pathlib.Path, most: int) -> Iterator[None]:
        """Build under a guard that stays with the server, and that ends what was begun if we are killed meanwhile."""
        seconds = self.config.lifetime.total_seconds()
        watcher = subprocess.Popen(
            [sys.executable, "-I", guard.__file__, f"{GUARD_OPTION}={datadir}", str(most), str(seconds)],
            cwd="/",
            env={"PATH": os.defpath},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if watcher.stdin is None:
            raise AssertionError("the guard was started with a pipe")
        with watcher.stdin as pipe:
            yield
            pipe.write(guard.BUILT)

    def _remove(self, name: str) -> bool:
        datadir = self._places.place(name) / "data"
        servers.kill_processes(datadir, option=GUARD_OPTION)
        was_running = servers.kill_processes(datadir)
        memory.remove(datadir.parent)
        return self._places.remove(name) or was_running

    def _why_dead(self, process: servers.ServerProcess) -> SandboxError | None:
        """Return who has killed a server: the kernel for its memory, or the guard. None if it was neither."""
        who = f"sandbox {self.name}: the server of {process.directory.name}"
        if memory.was_exceeded(process.directory):
            return SandboxError(
                f"{who} was killed for lack of memory: limit {self.config.memory_limit} MiB",
                detail=process.tail(),
                hint="Raise `memory_limit` of the sandbox: the largest row, and what a check sorts, must find room.",
            )
        reasons = [line.removeprefix(guard.MARK) for line in process.tail().splitlines() if line.startswith(guard.MARK)]
        return SandboxError(f"{who} was ended: {reasons[-1]}", detail=process.tail()) if reasons else None

    def _answers(self, name: str) -> bool:
        try:
            flavour = self._places.record(name)["flavour"]
        except FileNotFoundError:
            return False
        return self._process(name, engines.engine(flavour)).answers()

    def _process(
        self,
        name: str,
        engine: Engine,
        *,
        settings: dict[str, str] | None = None,
        options: Sequence[str] = (),
        prefix: Sequence[str] = (),
    ) -> servers.ServerProcess:
        place = self._places.place(name)
        return servers.ServerProcess(engine, place, tools=self.tools, settings=settings, options=options, prefix=prefix)

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
