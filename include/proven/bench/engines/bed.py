"""What the ways are run on: a source with data, a real Swift, keys, and a fleet; all of it is gone afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, cast

from include.proven import engines, installation, servers
from include.proven.agent import client, names, tables
from include.proven.agent.processes import CommandLog
from include.proven.agent.protocol import Endpoint, Tools
from include.proven.bench import measure, sysbench
from include.proven.bench.engines import fleets
from include.proven.bench.engines.meter import Meter
from include.proven.demo import environment, swift
from include.proven.demo.keys import create_demo_keys
from include.proven.demo.shop import writer
from include.proven.demo.swift_server.config import Account, Settings
from include.proven.encryption import gpg
from include.proven.engines.grants import PHYSICAL, backup_grants, physical_grants
from include.proven.errors import ToolError

SHOP = ("shop", "shop-archive")
SOURCE_OPTIONS = {
    "mariadb": ["--innodb-buffer-pool-size=512M"],
    "mysql": ["--innodb-buffer-pool-size=512M", "--auto-generate-certs=ON", "--performance-schema=ON", "--log-bin=log"],
}
CLONE = "--plugin-load-add=mysql_clone.so"
ACCOUNT = "proven@'127.0.0.1'"
CONTAINER = "by-hand"
ROW_BYTES = 330
"""Of a row on the disk of the source, with its index and what the server needs besides."""
COPIES = 10
"""So many times the source's size may be on the disk at once: what all ways have stored, a dump, a copy."""
SETTLE_SECONDS, FEW_PAGES = 300, 50
KEYS = (
    "SELECT table_schema, table_name, COUNT(*) FROM information_schema.statistics WHERE table_schema = {schema} GROUP BY 1, 2"
)

Counts = dict[tuple[str, str], tuple[int, int]]
"""Schema and table → its rows, and the columns of its indexes."""


@dataclasses.dataclass(frozen=True)
class Bed:
    """Where the ways are run."""

    folder: pathlib.Path
    flavour: str
    path: list[pathlib.Path]
    """Where the flavour's programs lie, if that is not on PATH."""
    tools: Tools
    source: servers.ServerProcess
    endpoint: Endpoint
    """The backup account on the source."""
    swift: swift.SwiftServer
    account: Account
    schemas: tuple[str, ...]

    @property
    def home(self) -> pathlib.Path:
        """Where the keys are."""
        return self.folder / "gnupg"

    @property
    def clones(self) -> pathlib.Path:
        """Where the source may write a clone of itself."""
        return self.folder / "clones"

    @property
    def variables(self) -> dict[str, str]:
        """What lets `swift` reach the store."""
        account = self.account
        login = {"ST_AUTH": self.swift.auth_url, "ST_USER": f"{account.account}:{account.user}", "ST_KEY": account.password}
        return {**os.environ, **login}

    def program(self, name: str) -> str:
        """Return a program's path as a shell takes it. Raise ToolError if it is not there."""
        return shlex.quote(servers.find_program(name, self.path))

    def as_root(self, server: servers.ServerProcess) -> Endpoint:
        """Return the account with all rights of a server of ours."""
        return root(self.flavour, server.socket)

    def connect(self, endpoint: Endpoint) -> client.Session:
        """Open a session."""
        return client.Session(self.tools, endpoint, CommandLog())

    def count(self, endpoint: Endpoint) -> Counts:
        """Return what a server has of the schemas."""
        with self.connect(endpoint) as session:
            counted: Counts = {}
            for schema in self.schemas:
                found = session.query(KEYS.format(schema=names.literal(schema)))
                keys = {names.spell(table): int(count or 0) for _, table, count in found}
                for table in tables.list_tables(session, schema):
                    rows = session.query(f"SELECT COUNT(*) FROM {table.path}")  # noqa: S608 - quoted there
                    counted[schema, table.name] = int(rows[0][0] or 0), keys.get(table.name, 0)
            return counted

    @functools.cached_property
    def counts(self) -> Counts:
        """What a copy must have."""
        return self.count(self.as_root(self.source))

    def meter(self, datadirs: Sequence[pathlib.Path] = ()) -> Meter:
        """Return what measures a way: servers on these data directories, or on the source's, are counted apart."""
        return Meter(datadirs or [self.source.datadir], self.swift.process.pid)

    def open(self, name: str, **settings: Any) -> installation.Installation:
        """Write a fleet with that one database, and open it. Raise ProvenError where such a database can't be."""
        return installation.open_installation(fleets.write(self, name, settings))


def root(flavour: str, socket: pathlib.Path) -> Endpoint:
    """Return the account with all rights behind a socket."""
    return Endpoint(flavour=flavour, socket=str(socket), host="", port=0, user="root", password="")


@contextlib.contextmanager
def made(flavour: str, rows: int, shop_megabytes: int, copies: int = COPIES) -> Iterator[Bed]:
    """Start a source of 8 tables of that many rows, and the shop if it is to have any size, and a Swift."""
    chosen, path = engines.engine(flavour), sysbench.find_programs(flavour)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-bench-", dir="/var/tmp")))
        folder.chmod(0o711)
        check_room(folder, (rows * sysbench.TABLES * ROW_BYTES + shop_megabytes * 2_000_000) * copies)
        port, password = servers.choose_port(), secrets.token_hex(12)
        options = [*SOURCE_OPTIONS[flavour], *([CLONE] if flavour == "mysql" else [])]
        source = servers.ServerProcess(chosen, folder / "source", tools=path, options=options, port=port)
        stack.callback(source.stop)
        source.prepare()
        source.start()
        account = Account("proven", "bench", secrets.token_hex(16))
        stored = swift.start_swift(folder / "swift", environment.SWIFT_PYTHON, Settings((account,), parent=os.getpid()))
        stack.callback(swift.stop, stored)
        stack.callback(gpg.stop_agents, folder / "gnupg")
        create_demo_keys(folder / "gnupg")
        tools = cast(Tools, vars(chosen.tools()) | {"path": [str(place) for place in path]})
        endpoint = Endpoint(flavour=flavour, socket="", host="127.0.0.1", port=port, user="proven", password=password)
        schemas = (sysbench.SCHEMA, *(SHOP if shop_megabytes else ()))
        bed = Bed(folder, flavour, path, tools, source, endpoint, stored, account, schemas)
        bed.clones.mkdir(mode=0o755)
        if source.uid is not None:
            os.chown(bed.clones, source.uid, source.uid)
        _fill(bed, rows, shop_megabytes)
        fleets.write_connections(bed)
        yield bed


def check_room(folder: pathlib.Path, wanted: int) -> None:
    """Raise ToolError unless so many bytes are free where the folder lies."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        what = f"the benchmark needs {wanted / 1e9:.1f} GB of free disk below {folder.parent}, and {free / 1e9:.1f} are there"
        raise ToolError(what, hint="Free some, or ask for fewer rows (--rows).")


def load(bed: Bed, socket: pathlib.Path, write: Callable[[IO[bytes]], object]) -> None:
    """Have a client as root run what `write` writes. Raise ToolError, with its words, if a statement fails."""
    argv = [servers.find_program(bed.tools["client"][0], bed.path), "--no-defaults", "--user=root", f"--socket={socket}"]
    with tempfile.TemporaryFile() as said, subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=said) as process:
        with contextlib.suppress(BrokenPipeError):
            write(cast(IO[bytes], process.stdin))
            cast(IO[bytes], process.stdin).close()
        status = process.wait()
        said.seek(0)
        if status:
            raise ToolError("the client refused SQL", detail=said.read().decode(errors="replace")[-1000:])


def _fill(bed: Bed, rows: int, shop_megabytes: int) -> None:
    """Make the backup account and all data, and wait until the server's files hold them: it is to be one at rest."""
    measure.say(f"{bed.flavour}: filling {sysbench.TABLES} tables of {rows:,} rows")
    with bed.connect(bed.as_root(bed.source)) as session:
        session.execute(f"CREATE USER {ACCOUNT} IDENTIFIED BY '{bed.endpoint['password']}'")
        grants = backup_grants(ACCOUNT, bed.flavour)
        grants += physical_grants(ACCOUNT, bed.flavour) if bed.flavour in PHYSICAL else ""
        for grant in grants.splitlines():
            session.execute(grant)
        sysbench.fill(session, rows)
    if shop_megabytes:
        load(bed, bed.source.socket, lambda out: writer.write_shop(out, flavour=bed.flavour, megabytes=shop_megabytes))
        if bed.flavour == "mysql":
            _make_transactional(bed)
    settle(bed)


def _make_transactional(bed: Bed) -> None:
    """Give all tables an engine that the server's CLONE copies."""
    with bed.connect(bed.as_root(bed.source)) as session:
        others = [table for schema in SHOP for table in tables.list_tables(session, schema) if table.engine != "InnoDB"]
        for table in others:
            session.execute(f"ALTER TABLE {table.path} ENGINE = InnoDB")


def settle(bed: Bed) -> None:
    """Have the server write all changed pages: an incremental copies all that were changed since its last checkpoint."""
    with bed.connect(bed.as_root(bed.source)) as session:
        session.execute("SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0")
        session.execute("SET GLOBAL innodb_max_dirty_pages_pct = 0")
        until = time.monotonic() + SETTLE_SECONDS
        while int(session.query("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")[0][1] or 0) > FEW_PAGES:
            if time.monotonic() > until:
                raise ToolError(f"{bed.flavour}: the server has not written its pages in {SETTLE_SECONDS} s")
            time.sleep(0.2)
