"""The demo's source: a MariaDB of its own on a port of the loopback, with an account that may take backups and nothing else."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import IO, cast

from include.proven import engines, servers
from include.proven.engines.grants import backup_grants
from include.proven.errors import SourceError

BACKUP_USER = "proven"
BACKUP_ACCOUNT = f"{BACKUP_USER}@'127.0.0.1'"
CLIENT = [
    "--no-defaults",
    "--user=root",
    "--binary-mode",
    "--comments",
    "--max-allowed-packet=1G",
    "--default-character-set=utf8mb4",
]


class DemoSource:
    """The source in one directory, found again by any later process. Root comes in by the socket only, which is private."""

    def __init__(self, directory: pathlib.Path, tools: Sequence[pathlib.Path] = ()) -> None:
        self.directory = directory
        self.tools = tools
        self._server = servers.ServerProcess(engines.engine("mariadb"), directory, tools=tools)
        self._ready = directory / "ready"
        self._port = directory / "port"

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1; it stays the same from start to start. Raise SourceError before the first."""
        try:
            return int(self._port.read_text())
        except FileNotFoundError:
            raise SourceError(f"the demo's source in {self.directory} was never started") from None

    @property
    def socket(self) -> pathlib.Path:
        """Where root comes in, without a password."""
        return self._server.socket

    def running(self) -> bool:
        """Say whether the server answers."""
        return self._server.answers()

    def start(self, *, backup_password: str) -> None:
        """Make the source if there is none yet, start it if it does not run, and give the backup account this password.

        Raise SandboxError, with the server's own words, if it does not start.
        """
        if not self.running():
            servers.kill_processes(self._server.datadir)
            if not self._ready.exists():
                self._make()
            self._start()
        self._prepare_accounts(backup_password)

    def stop(self) -> bool:
        """Stop the source, and say whether it ran. Its data stays."""
        return self._server.stop(gently=60)

    def load(self, write: Callable[[IO[bytes]], object]) -> None:
        """Let `write` write SQL and have it run as root. Raise SourceError with the client's words if a statement fails."""
        client = [servers.find_program("mariadb", self.tools), *CLIENT, f"--socket={self.socket}"]
        with subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            stdin, stderr = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stderr)
            # A client that gives up breaks the pipe; its status and its words say why.
            with contextlib.suppress(BrokenPipeError):
                write(stdin)
                stdin.close()
            words = stderr.read().decode(errors="replace")
        if process.returncode != 0:
            raise SourceError("the demo's source refused SQL", detail=words.strip()[-1000:])

    def _make(self) -> None:
        """Fill the data directory; what a killed attempt has left goes first."""
        if self.directory.exists():
            shutil.rmtree(self.directory)
        self._server.prepare()
        self._port.write_text(str(servers.choose_port()))
        self._ready.touch()

    def _start(self) -> None:
        """Start on the usual port, on another one if somebody else has that now."""
        if not servers.port_is_free(self.port):
            self._port.write_text(str(servers.choose_port()))
        options = ["--event-scheduler=ON"]
        engine = self._server.engine
        self._server = servers.ServerProcess(engine, self.directory, tools=self.tools, options=options, port=self.port)
        self._server.start()

    def _prepare_accounts(self, backup_password: str) -> None:
        quoted = backup_password.replace("\\", "\\\\").replace("'", "''")
        statements = (
            f"CREATE USER IF NOT EXISTS {BACKUP_ACCOUNT};\n"
            f"ALTER USER {BACKUP_ACCOUNT} IDENTIFIED BY '{quoted}';\n"
            # mariadb-install-db also lets root in from 127.0.0.1, ::1 and the host's name, without a password.
            "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';\n"
            "DELETE FROM mysql.proxies_priv WHERE User = 'root' AND Host <> 'localhost';\nFLUSH PRIVILEGES;\n"
        )
        sql = statements + backup_grants(BACKUP_ACCOUNT, self._server.engine.flavour)
        self.load(lambda out: out.write(sql.encode()))
