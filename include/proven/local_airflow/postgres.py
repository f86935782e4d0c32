"""The PostgreSQL of a local Airflow: one server in one directory, reached by its unix socket and by nothing else.

The directory (mode 0700) is the lock on the door: whoever may enter it is trusted. PostgreSQL refuses to run as root; then it
runs as the account that Debian's package makes for it, and the directory is that account's.

Its processes are those named `postgres` that work in its data directory, asked from the process table each time: each of them
leads a session of its own, so a session does not tell them, and what a killed server has left is found like a whole one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import time
import urllib.parse
from pathlib import Path

from include.proven import daemons, errors, servers

NAME = "postgres"
USER = "airflow"
PORT = 5432
"""Part of the socket's name. Nothing listens on a TCP port."""
INSTALLED = Path("/usr/lib/postgresql")
"""Where Debian keeps the programs of each version, `<version>/bin`, off the PATH."""
ACCOUNTS = ("postgres", "nobody")
"""Whom it may run as if we are root. The first that exists is taken: initdb wants its user to have a name."""
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # the text of a statement that fails has values in it; they stay in the database
    "log_min_error_statement": "panic",
    # a small machine: Airflow's tables are some 20 MB
    "shared_buffers": "32MB",
    # A crash may cost Airflow the last half second of what it knows, never its consistency, and a run that it lost is run
    # again. Waiting for the disk at each of its many small commits would cost every step of every run.
    "synchronous_commit": "off",
}
START_SECONDS = 120.0
STOP_SECONDS = 30.0
LEFT_SECONDS = 2.0
"""How long the rest of a killed server has: it sees by itself that its server is gone."""


class PostgresServer:
    """One server: `data/`, the socket and a log file. Any later process finds it again by its directory."""

    def __init__(self, directory: Path, *, log: Path) -> None:
        """Given the directory that will be the server's own, and the file that its programs write to. Nothing is started."""
        self.directory = directory
        self.data = directory / "data"
        self.socket = directory / f".s.PGSQL.{PORT}"
        self._log = log

    @property
    def url(self) -> str:
        """The database's URL for SQLAlchemy."""
        return f"postgresql+psycopg2://{USER}@/postgres?" + urllib.parse.urlencode({"host": self.directory, "port": PORT})

    def start(self) -> daemons.Daemon:
        """Start the server, in a new data directory if there is none, and return it when it takes connections.

        Raise ToolError, with the log's tail, if it can't.
        """
        self.stop()
        programs = self._find_programs()
        self._check_place()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._own(self.directory)
        if not self.data.exists():
            self._initialise(programs)
        self._drop_stale_locks()
        argv = [str(programs / "postgres"), "-D", str(self.data), "-c", f"unix_socket_directories={self.directory}"]
        for name, value in SETTINGS.items():
            argv += ["-c", f"{name}={value}"]
        daemon = daemons.start_daemon(
            NAME, [*self._as_account(), *argv], environment=self._environment(), log=self._log, directory=Path("/")
        )
        self._wait(daemon, programs)
        return daemon

    def stop(self) -> None:
        """Stop the server without waiting for its clients, and what a killed one has left. Raise ToolError if one survives."""
        pid = _first_number(self.data / "postmaster.pid")
        main = [daemon for daemon in self._processes() if daemon.pid == pid]
        daemons.stop_daemons(main, grace_seconds=STOP_SECONDS, request=signal.SIGINT)
        daemons.stop_daemons(self._processes(), grace_seconds=LEFT_SECONDS)

    @functools.cached_property
    def _account(self) -> pwd.struct_passwd | None:
        return _choose_account()

    def _as_account(self) -> list[str]:
        return servers.as_user(self._account.pw_uid, self._account.pw_gid) if self._account else []

    def _processes(self) -> list[daemons.Daemon]:
        found = (_working_in(pid, self.data) for pid in Path("/proc").iterdir() if pid.name.isdigit())
        return [daemon for daemon in found if daemon]

    def _initialise(self, programs: Path) -> None:
        """Make the data directory, whole or not at all."""
        scratch = self.directory / "data.new"
        shutil.rmtree(scratch, ignore_errors=True)
        argv = [str(programs / "initdb"), "--pgdata", str(scratch), "--username", USER, "--auth", "trust"]
        with self._log.open("a") as log:
            status = subprocess.run(
                [*self._as_account(), *argv, "--encoding", "UTF8", "--no-locale"],
                cwd="/",
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            ).returncode
        if status:
            raise errors.ToolError(f"initdb: exit status {status}", detail=self._tail())
        scratch.rename(self.data)

    def _wait(self, daemon: daemons.Daemon, programs: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        ask = [str(programs / "pg_isready"), "--quiet", f"--host={self.directory}", f"--port={PORT}", f"--username={USER}"]
        while subprocess.run(ask, env=self._environment(), check=False).returncode:
            if not daemons.is_alive(daemon):
                raise errors.ToolError("postgres: ended while starting", detail=self._tail())
            if time.monotonic() > deadline:
                self.stop()
                raise errors.ToolError(f"postgres: takes no connection after {START_SECONDS:.0f} s", detail=self._tail())
            time.sleep(0.05)

    def _find_programs(self) -> Path:
        """Return the directory of the programs that fit the data: of its own version, or the newest if there is no data yet."""
        wanted = self.data / "PG_VERSION"
        version = wanted.read_text().strip() if wanted.exists() else ""
        found = _installed()
        for programs, has in found:
            if has == version or not version:
                return programs
        if not found:
            raise errors.ToolError(
                "PostgreSQL is not installed",
                detail=f"searched {INSTALLED} and the PATH for initdb",
                hint="Install it (Debian package postgresql), or let `scripts/setup --postgresql` do so.",
            )
        raise errors.ToolError(
            f"{self.data} is of PostgreSQL {version}, and that is not installed",
            detail=f"found {', '.join(f'{has} in {programs}' for programs, has in found)}",
            hint=f"Install it (Debian package postgresql-{version}), or remove {self.directory}: "
            "what is lost is what Airflow knows of past runs, and no recovery point.",
        )

    def _check_place(self) -> None:
        """Raise ToolError where no server could live: a socket path that is too long, a parent that its user can't enter."""
        if len(os.fsencode(self.socket)) > servers.LONGEST_SOCKET:
            raise errors.ToolError(
                f"the path {self.socket} is too long for a unix socket (at most {servers.LONGEST_SOCKET} bytes)",
                hint="Choose a shorter directory.",
            )
        closed = servers.find_closed(self.directory)
        if self._account and closed is not None:
            raise errors.ToolError(
                f"directory {closed} can't be entered by the unprivileged user that PostgreSQL runs as",
                hint="Choose a directory that everybody may enter, such as one below /var/tmp.",
            )

    def _own(self, directory: Path) -> None:
        directory.chmod(0o700)
        if self._account:
            os.chown(directory, self._account.pw_uid, self._account.pw_gid)

    def _drop_stale_locks(self) -> None:
        """Remove lock files whose process id has gone to another program, as after a reboot: PostgreSQL would not start."""
        # `stop` has seen to it that no server works here; one that is found dead PostgreSQL itself looks after.
        for lock in (self.data / "postmaster.pid", self.directory / f"{self.socket.name}.lock"):
            pid = _first_number(lock)
            if pid and Path(f"/proc/{pid}").exists():
                lock.unlink()

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}

    def _tail(self, lines: int = 15) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])


def _choose_account() -> pwd.struct_passwd | None:
    """Return the account that the server runs as, or None if we are not root and it runs as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise errors.ToolError(f"no account {' or '.join(ACCOUNTS)} to run PostgreSQL as", hint="Start it as an ordinary user.")


def _installed() -> list[tuple[Path, str]]:
    """Return the directories that hold a server's programs, each with its version (`15`), newest first."""
    on_path = shutil.which("initdb")
    places = {programs.resolve() for programs in [*INSTALLED.glob("*/bin/initdb"), *([Path(on_path)] if on_path else [])]}
    versions = []
    for initdb in places:
        said = subprocess.run([str(initdb), "--version"], capture_output=True, text=True, check=False).stdout
        versions.append(
            (initdb.parent, said.split()[2].partition(".")[0])
        )  # initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
    return sorted(versions, key=lambda found: int(found[1]), reverse=True)


def _working_in(entry: Path, data: Path) -> daemons.Daemon | None:
    """Given a directory of /proc, return its process if it is a `postgres` that works in that data directory."""
    try:
        ours = (entry / "comm").read_text() == f"{NAME}\n" and (entry / "cwd").readlink() == data
    except OSError:  # it has ended, or is somebody else's
        return None
    return daemons.identify(NAME, int(entry.name)) if ours else None


def _first_number(path: Path) -> int:
    """Return the number on a file's first line; 0 if there is none."""
    try:
        return int(path.read_text().partition("\n")[0])
    except (OSError, ValueError):
        return 0
