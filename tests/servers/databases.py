"""Fixtures `mariadb_source`, `mysql_source` and `source` (both): real servers with an account that may only take backups."""

from __future__ import annotations

import dataclasses
import pathlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from include.proven import servers
from include.proven.agent import client
from include.proven.agent.protocol import Endpoint, Tools
from include.proven.engines import engine
from include.proven.engines.grants import backup_grants
from include.proven.errors import ProvenError
from tests.servers.missing import give_up

LOOPBACK = "127.0.0.1"
FETCH_MYSQL = pathlib.Path(__file__).parents[2] / "scripts" / "fetch-mysql"


@dataclasses.dataclass
class DatabaseServer:
    """A running source. `endpoint` is the backup account over TCP, `admin` root over the socket."""

    flavour: str
    version: str
    endpoint: Endpoint
    admin: Endpoint
    tools: Tools
    path: list[pathlib.Path]
    process: servers.ServerProcess

    def sql(self, text: str, schema: str = "") -> list[list[str]]:
        """Run SQL as root through the real client; return the rows as text (NULL is `NULL`). Fail the test if it is refused."""
        done = self.run([*self.tools["client"], *([schema] if schema else [])], self.admin, text.encode())
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return [line.split("\t") for line in done.stdout.decode().split("\n") if line]

    def run(self, argv: Sequence[str], endpoint: Endpoint, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a real tool on this server with the account and address of `endpoint`."""
        return run_tool(argv, endpoint, self.path, stdin)

    def fresh_schema(self, prefix: str = "t") -> str:
        """Make an empty schema and return its name. The session drops nothing: the server goes as a whole."""
        name = f"{prefix}_{secrets.token_hex(4)}"
        self.sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return name

    def drop_schemas(self) -> None:
        """Drop every schema but the server's own, so that a test of a whole server begins with nothing."""
        own = "'mysql','sys','information_schema','performance_schema'"
        for (name,) in self.sql(f"SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ({own})"):
            self.sql(f"DROP DATABASE `{name}`")


def run_tool(
    argv: Sequence[str], endpoint: Endpoint, path: Sequence[pathlib.Path], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a real tool, with the account and address of `endpoint` in the option file that the argv calls `{defaults}`."""
    program = [servers.find_program(argv[0], path), *argv[1:]]
    with tempfile.NamedTemporaryFile() as defaults:
        defaults.write(client.option_file(endpoint))
        defaults.flush()
        filled = [argument.replace("{defaults}", defaults.name) for argument in program]
        return subprocess.run(filled, input=stdin, capture_output=True, check=False)


def start_source(
    flavour: str, directory: pathlib.Path, path: Sequence[pathlib.Path], address: str = LOOPBACK, options: Sequence[str] = ()
) -> DatabaseServer:
    """Start a source in `directory` on a port of the loopback (MySQL's accounts need TLS there), or of another address of this
    machine, with the backup account. `options` are more of the server's."""
    chosen = engine(flavour)
    port = servers.choose_port()
    given = ["--event-scheduler=OFF", *(["--auto-generate-certs=ON"] if flavour == "mysql" else []), *options]
    process = servers.ServerProcess(chosen, directory, tools=path, options=given, port=port, address=address)
    process.prepare()
    process.start()
    socket, password = str(process.socket), secrets.token_hex(12)
    admin = Endpoint(flavour=flavour, socket=socket, host="", port=0, user="root", password="")
    endpoint = Endpoint(flavour=flavour, socket="", host=address, port=port, user="proven", password=password)
    tools = cast(Tools, vars(chosen.tools()) | {"path": [str(folder) for folder in path]})
    server = DatabaseServer(flavour, "", endpoint, admin, tools, list(path), process)
    server.version = server.sql("SELECT VERSION()")[0][0]
    server.sql(f"CREATE USER proven@'{address}' IDENTIFIED BY '{password}';" + backup_grants(f"proven@'{address}'", flavour))
    return server


def run_source(
    flavour: str, path: Sequence[pathlib.Path], address: str = LOOPBACK, options: Sequence[str] = ()
) -> Iterator[DatabaseServer]:
    """Yield a source that runs in a directory which its unprivileged user can enter; stop and remove it afterwards."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="proven-test-", dir="/var/tmp"))
    directory.chmod(0o711)
    server = None
    try:
        server = start_source(flavour, directory / "s", path, address, options)
        yield server
    finally:
        if server is not None:
            server.process.stop(gently=0)
        servers.kill_processes(directory / "s" / "data")
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def mysql_path() -> list[pathlib.Path]:
    """The directories that hold MySQL 9.7's programs."""
    done = subprocess.run([str(FETCH_MYSQL)], capture_output=True, text=True, check=False)
    if done.returncode:
        give_up("MySQL 9.7", f"scripts/fetch-mysql failed: {done.stderr.strip()[-400:]}")
    return [pathlib.Path(done.stdout.strip())]


@pytest.fixture(scope="session")
def mariadb_path() -> list[pathlib.Path]:
    """The directories, besides PATH, that hold MariaDB's programs: none."""
    try:
        for program in ("mariadbd", "mariadb-install-db", "mariadb", "mariadb-dump"):
            servers.find_program(program, [])
    except ProvenError as error:
        give_up("MariaDB", str(error))
    return []


@pytest.fixture(scope="session")
def mariadb_source(mariadb_path: list[pathlib.Path]) -> Iterator[DatabaseServer]:
    """A real MariaDB with the backup account `proven`; shared by the whole session."""
    yield from run_source("mariadb", mariadb_path)


@pytest.fixture(scope="session")
def mysql_source(mysql_path: list[pathlib.Path]) -> Iterator[DatabaseServer]:
    """A real MySQL 9.7 with the backup account `proven`; shared by the whole session."""
    yield from run_source("mysql", mysql_path)


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def source(request: pytest.FixtureRequest) -> DatabaseServer:
    """Both sources, one after the other."""
    server: DatabaseServer = request.getfixturevalue(f"{request.param}_source")
    return server
