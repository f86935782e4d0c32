"""Scratch database servers on this machine: find the programs, prepare a data directory, start, wait, stop.

A server is known by its data directory alone. Its processes are those that carry `--datadir=<that directory>` as an argument,
asked from the process table each time: no pid file can be stale, and a half-started server is found like a whole one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket as sockets
import subprocess
import time
from collections.abc import Callable, Sequence

from include.proven.engines.contract import Engine
from include.proven.errors import SandboxError, ToolError

PACKAGES = {
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
    "mariadb": "mariadb-client-core",
    "mariadb-dump": "mariadb-client",
    "mariadb-backup": "mariadb-backup",
    "mysqld": "mysql-server-core",
    "mysql": "mysql-client-core",
    "mysqldump": "mysql-client-core",
    "gpg": "gnupg",
    "zstd": "zstd",
    "setpriv": "util-linux",
}
"""The Debian package that brings each program."""

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
LONGEST_SOCKET = 107
"""Bytes of a unix socket's path: `sun_path` has 108 with its NUL."""
LOWEST_UID, HIGHEST_UID = 61184, 65519
"""systemd's range for users that come and go: no person and no service of the machine has one of these."""
GREETING_VERSION = 10
"""The protocol version that a server which is ready begins its greeting with; 255 is an error."""


def find_program(name: str, path: Sequence[pathlib.Path]) -> str:
    """Given a program's name and directories to search before PATH, return its real path.

    Links are followed, because a server without our rights may not be able to enter the directory of the link.
    Raise ToolError, naming the Debian package, if it is not there.
    """
    searched = os.pathsep.join([*map(str, path), os.environ.get("PATH", os.defpath), SBIN])
    found = shutil.which(name, path=searched)
    if found is None:
        raise ToolError(
            f"program {name} is not installed",
            detail=f"searched {searched}",
            hint=f"Install it (Debian package {PACKAGES.get(name, name)}) or add its directory to the fleet's `tools:`.",
        )
    return str(pathlib.Path(found).resolve())


def program_version(name: str, path: Sequence[pathlib.Path]) -> str:
    """Return the version that a database program says it has, such as `10.11.19-MariaDB` or `9.7.4-2`.

    Raise ToolError if the program is missing or says none.
    """
    said = subprocess.run([find_program(name, path), "--no-defaults", "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"Distrib ([^\s,]+)", said.stdout) or re.search(r"Ver (\d+\.\d+\.\S+)", said.stdout)
    if said.returncode or not match:
        raise ToolError(f"program {name} does not say its version", detail=(said.stderr or said.stdout).strip()[-500:])
    return match[1]


def choose_uid(name: str) -> int | None:
    """Return the unprivileged user that a server of that name runs as, or None if we are not root and it runs as ourselves."""
    if os.geteuid() != 0:
        return None
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return LOWEST_UID + digest % (HIGHEST_UID - LOWEST_UID + 1)


def as_user(uid: int | None, gid: int | None = None) -> list[str]:
    """Return what to put before an argv so that the program runs as that user, without any privilege. None is ourselves.

    `gid` is the user's group; by default the one of the same number.
    """
    if uid is None:
        return []
    user = [
        f"--reuid={uid}",
        f"--regid={uid if gid is None else gid}",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
    ]
    return [find_program("setpriv", []), *user, "--"]


def choose_port() -> int:
    """Return a TCP port of the loopback that is free now, chosen by the kernel."""
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Say whether a server could listen on that TCP port of the loopback now."""
    with sockets.socket() as probe:
        probe.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def find_closed(directory: pathlib.Path) -> pathlib.Path | None:
    """Return the uppermost parent of `directory` that not everybody may enter, None if there is none."""
    return next(
        (folder for folder in reversed(directory.parents) if folder.exists() and not folder.stat().st_mode & 0o001), None
    )


def find_processes(datadir: pathlib.Path, *, option: str = "--datadir") -> list[int]:
    """Return the ids of the processes that serve or initialise that data directory, or name it by another option."""
    wanted = os.fsencode(f"{option}={datadir}")
    pids = sorted(int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if wanted in _arguments(pid)]


def kill_processes(datadir: pathlib.Path, *, gently: float = 0, option: str = "--datadir") -> bool:
    """Stop every such process: SIGTERM and up to `gently` seconds, then SIGKILL. Return if there was one.

    Raise SandboxError if one does not go.
    """
    there = bool(find_processes(datadir, option=option))
    if gently and there:
        _signal_all(datadir, option, signal.SIGTERM)
        _wait_until(lambda: not find_processes(datadir, option=option), gently)
    deadline = time.monotonic() + 30
    while left := find_processes(datadir, option=option):
        if time.monotonic() > deadline:
            raise SandboxError(f"processes {left} of {datadir} survive a SIGKILL")
        _signal_all(datadir, option, signal.SIGKILL)
        time.sleep(0.05)
    return there


def _signal_all(datadir: pathlib.Path, option: str, number: int) -> None:
    """Signal each process through a pidfd, so that an id which another process got meanwhile is never hit."""
    for pid in find_processes(datadir, option=option):
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                if os.fsencode(f"{option}={datadir}") in _arguments(pid):
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def _arguments(pid: int) -> list[bytes]:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _wait_until(reached: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class ServerProcess:
    """One scratch server in one directory of its own: `data/`, `files/` (all that LOAD DATA may see), `run/s`, `error.log`.

    Given a `port` it listens there, on the loopback or another `address` of this machine; otherwise on nothing but its socket.
    `prefix` is put before every program that is started here, such as a command that takes the network from it.
    """

    def __init__(
        self,
        engine: Engine,
        directory: pathlib.Path,
        *,
        tools: Sequence[pathlib.Path] = (),
        settings: dict[str, str] | None = None,
        options: Sequence[str] = (),
        port: int | None = None,
        address: str = "127.0.0.1",
        prefix: Sequence[str] = (),
    ) -> None:
        self.engine = engine
        self.directory = directory
        self.tools = tools
        self.settings = settings or {}
        self.options = options
        self.port = port
        self.address = address
        self.prefix = prefix
        self.datadir = directory / "data"
        self.socket = directory / "run" / "s"
        self.log = directory / "error.log"
        self.uid = choose_uid(str(directory))
        self._child: subprocess.Popen[bytes] | None = None

    def prepare(self, *, time_limit: float = 120) -> None:
        """Make the directories and fill the data directory. Raise SandboxError, with the log's tail, if that fails."""
        self._check_place()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o711)
        for folder in (self.datadir, self.directory / "files", self.socket.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
            if self.uid is not None:
                os.chown(folder, self.uid, self.uid)
        process = self._run(self.engine.initialise(self.datadir, self.settings))
        try:
            status = process.wait(time_limit)
        except subprocess.TimeoutExpired:
            status = -1
        if status != 0:
            kill_processes(self.datadir)
            raise SandboxError(f"a data directory can't be initialised in {self.datadir}", detail=self.tail())

    def start(self, *, time_limit: float = 60) -> None:
        """Start the server and return when it answers. Raise SandboxError, with the log's tail, if it does not in time."""
        options = [f"--tmpdir={self.socket.parent}", f"--secure-file-priv={self.directory / 'files'}", *self.options]
        if self.port is not None:
            options += ["--skip-networking=OFF", f"--bind-address={self.address}", f"--port={self.port}"]
        self._child = self._run(self.engine.serve(self.datadir, self.socket, self.settings, options))
        child = self._child
        if _wait_until(lambda: self.answers() or child.poll() is not None, time_limit) and child.poll() is None:
            return
        ended = child.poll()
        kill_processes(self.datadir)
        what = f"ended with status {ended}" if ended is not None else f"does not answer after {time_limit:.0f} s"
        raise SandboxError(f"the server in {self.directory} {what}", detail=self.tail())

    def stop(self, *, gently: float = 30) -> bool:
        """Stop the server if it runs, and say whether it did. `gently` is how many seconds it has before it is killed."""
        stopped = kill_processes(self.datadir, gently=gently)
        if self._child is not None:
            self._child.wait()
        return stopped

    def answers(self) -> bool:
        """Say whether the server greets whoever connects to its socket."""
        with contextlib.suppress(OSError), sockets.socket(sockets.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(self.socket))
            greeting = connection.recv(64)
            return len(greeting) > 4 and greeting[4] == GREETING_VERSION
        return False

    def _run(self, argv: list[str]) -> subprocess.Popen[bytes]:
        program = [*self.prefix, *as_user(self.uid), find_program(argv[0], self.tools), *argv[1:]]
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), SBIN])
        self.log.touch(mode=0o600)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                program,
                cwd="/",
                env={"PATH": path, "LC_ALL": "C", "HOME": str(self.socket.parent), "TMPDIR": str(self.socket.parent)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _check_place(self) -> None:
        """Raise SandboxError where no server could live: a socket path that is too long, a parent that its user can't enter."""
        if len(os.fsencode(self.socket)) > LONGEST_SOCKET:
            raise SandboxError(
                f"the path {self.socket} is too long for a unix socket (at most {LONGEST_SOCKET} bytes)",
                hint="Choose a shorter directory.",
            )
        closed = find_closed(self.directory)
        if self.uid is not None and closed is not None:
            raise SandboxError(
                f"directory {closed} can't be entered by the unprivileged user that a server runs as",
                hint="Choose a directory that everybody may enter, such as one below /var/tmp.",
            )

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of what the server's programs said."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError as error:
            return f"no log: {error}"
