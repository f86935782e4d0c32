"""Time the fingerprint beside the dump that it goes with, on real servers with tables such as sysbench makes.

Three times on the same data: the dump alone, through zstd and gpg as a backup sends it; the fingerprint alone; a whole backup
to a directory, in which both run at once. By default the tables are larger than the server's buffer pool; what the operating
system keeps of their files it keeps for all three.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import secrets
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import yaml

from include.proven import backup, engines, installation, servers
from include.proven.agent import client, snapshot
from include.proven.agent import fingerprint as fingerprints
from include.proven.agent.processes import CommandLog
from include.proven.agent.protocol import Endpoint, Tools
from include.proven.agent.tables import list_tables
from include.proven.agent.tables import measure as measure_table
from include.proven.bench import measure, pipelines, sysbench
from include.proven.demo import environment
from include.proven.demo.keys import create_demo_keys
from include.proven.encryption import gpg
from include.proven.engines.grants import backup_grants
from include.proven.manifest import Manifest

BUFFER_POOL = "512M"
ACCOUNT = "proven@'127.0.0.1'"
SEAL = "gpg --homedir {home} --batch --yes --trust-model always -z 0 --encrypt --recipient backup@proven.invalid"


@dataclasses.dataclass(frozen=True)
class Span:
    """How long something took, and how much of the cores, the server's part included: seconds."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} ({self.cpu:.1f})"


@dataclasses.dataclass(frozen=True)
class Measured:
    """One server, timed. `fingerprint_in_backup` and `lock_held` are seconds."""

    server: str
    rows: int
    data_bytes: int
    """Of the tables, without indexes, as the server estimates it."""
    dump: Span
    fingerprint: Span
    backup: Span
    """With dump and fingerprint at once."""
    fingerprint_in_backup: float
    lock_held: float


@dataclasses.dataclass(frozen=True)
class Bed:
    """A server with data, and a fleet that has it as its one database."""

    folder: pathlib.Path
    flavour: str
    endpoint: Endpoint
    tools: Tools
    server: servers.ServerProcess

    def connect(self, endpoint: Endpoint | None = None) -> client.Session:
        """Open a session of the backup account, or another one."""
        return client.Session(self.tools, endpoint or self.endpoint, CommandLog())


def run(rows: int, flavours: Sequence[str]) -> list[Measured]:
    """Time tables of that many rows each on a server of each flavour."""
    return [_measure(flavour, rows) for flavour in flavours]


def table(found: Sequence[Measured]) -> str:
    """Return a Markdown table of what was measured."""
    lines = {
        "data": [f"{each.data_bytes / 1e9:.2f} GB, {each.rows:,} rows" for each in found],
        "dump, zstd, gpg alone: seconds (of CPU)": [str(each.dump) for each in found],
        "fingerprint alone: seconds (of CPU)": [str(each.fingerprint) for each in found],
        "fingerprint in parts of the dump": [f"{each.fingerprint.wall / each.dump.wall:.2f}" for each in found],
        "a backup, both at once: seconds (of CPU)": [str(each.backup) for each in found],
        "the fingerprint in it: seconds": [f"{each.fingerprint_in_backup:.1f}" for each in found],
        "lock held: milliseconds": [f"{each.lock_held * 1000:.0f}" for each in found],
    }
    head = [f"| {sysbench.TABLES} tables | " + " | ".join(each.server for each in found) + " |", "|---|" + "---:|" * len(found)]
    return "\n".join([*head, *(f"| {name} | {' | '.join(values)} |" for name, values in lines.items()), ""])


def _measure(flavour: str, rows: int) -> Measured:
    with _bed(flavour, rows) as bed:
        with bed.connect() as session:
            version = str(session.query("SELECT VERSION()")[0][0])
            size = sum(measure_table(session, found)[0] for found in list_tables(session, sysbench.SCHEMA))
        measure.say("dump alone")
        dump = _time(bed, lambda: _dump(bed))
        measure.say("fingerprint alone")
        alone = _time(bed, lambda: _fingerprint(bed))
        measure.say("a backup, both at once")
        taken: list[Manifest] = []
        both = _time(bed, lambda: taken.append(_back_up(bed)))
        (manifest,) = taken
        measure.say(f"{flavour}: dump {dump}, fingerprint {alone}, both {both} seconds (of CPU)")
        return Measured(
            server=f"{flavour} {version}",
            rows=manifest.fingerprint["rows"],
            data_bytes=size,
            dump=dump,
            fingerprint=alone,
            backup=both,
            fingerprint_in_backup=next(stage.seconds for stage in manifest.stages if stage.name == "fingerprint"),
            lock_held=manifest.lock.held_seconds if manifest.lock else 0.0,
        )


def _time(bed: Bed, work: Callable[[], object]) -> Span:
    before, begun = _cpu(bed), time.monotonic()
    work()
    wall = time.monotonic() - begun
    return Span(wall, _cpu(bed) - before)


def _cpu(bed: Bed) -> float:
    """Return what the server, this process and its children have used."""
    stats = [pathlib.Path(f"/proc/{pid}/stat").read_text() for pid in servers.find_processes(bed.server.datadir)]
    # after the name, which may hold anything: utime and stime are the 14th and 15th field
    ticks = sum(int(field) for stat in stats for field in stat.rpartition(")")[2].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK") + measure.cpu_seconds()


def _dump(bed: Bed) -> None:
    defaults = bed.folder / "client.cnf"
    defaults.touch(mode=0o600)
    defaults.write_bytes(client.option_file(bed.endpoint))
    argv = [part.replace(client.DEFAULTS, str(defaults)) for part in bed.tools["dump"]]
    argv[0] = servers.find_program(argv[0], [pathlib.Path(folder) for folder in bed.tools["path"]])
    seal = SEAL.format(home=shlex.quote(str(bed.folder / "gnupg")))
    pipelines.run_shell(f"{shlex.join([*argv, '--databases', sysbench.SCHEMA])} | zstd -q -3 -c | {seal}")


def _fingerprint(bed: Bed) -> None:
    with bed.connect() as session:
        snapshot.open_snapshot(session)
        fingerprints.compute(session, bed.flavour, [sysbench.SCHEMA])


def _back_up(bed: Bed) -> Manifest:
    opened = installation.open_installation(bed.folder / "fleet.yaml")
    return backup.take_backup(opened, "bench", backup.new_id()).manifest


@contextlib.contextmanager
def _bed(flavour: str, rows: int) -> Iterator[Bed]:
    """Start a server, fill it, write a fleet, and remove all of it afterwards."""
    chosen, path = engines.engine(flavour), sysbench.find_programs(flavour)
    with tempfile.TemporaryDirectory(prefix="proven-bench-", dir="/var/tmp") as scratch:
        folder, port = pathlib.Path(scratch), servers.choose_port()
        folder.chmod(0o711)
        options = [f"--innodb-buffer-pool-size={BUFFER_POOL}", *(["--auto-generate-certs=ON"] if flavour == "mysql" else [])]
        server = servers.ServerProcess(chosen, folder / "server", tools=path, options=options, port=port)
        tools = cast(Tools, vars(chosen.tools()) | {"path": [str(place) for place in path]})
        endpoint = Endpoint(
            flavour=flavour, socket="", host="127.0.0.1", port=port, user="proven", password=secrets.token_hex(12)
        )
        bed = Bed(folder, flavour, endpoint, tools, server)
        try:
            server.prepare()
            server.start()
            measure.say(f"{flavour}: filling {sysbench.TABLES} tables of {rows:,} rows")
            root = Endpoint(flavour=flavour, socket=str(server.socket), host="", port=0, user="root", password="")
            with bed.connect(root) as session:
                _fill(session, rows, endpoint["password"])
            create_demo_keys(folder / "gnupg")
            os.environ["PROVEN_CONNECTIONS"] = str(_write_fleet(bed, path))
            yield bed
        finally:
            server.stop()
            gpg.stop_agents(folder / "gnupg")


def _fill(session: client.Session, rows: int, password: str) -> None:
    """Make the backup account and the tables."""
    session.execute(f"CREATE USER {ACCOUNT} IDENTIFIED BY '{password}'")
    for grant in backup_grants(ACCOUNT, session.endpoint["flavour"]).splitlines():
        session.execute(grant)
    sysbench.fill(session, rows)


def _write_fleet(bed: Bed, path: Sequence[pathlib.Path]) -> pathlib.Path:
    """Write fleet file and connections; return the path of the latter."""
    folder, keys = bed.folder, ["backup@proven.invalid"]
    (folder / "store").mkdir()
    database = {
        "connection": "source",
        "engine": bed.flavour,
        "schedule": None,
        "schemas": [sysbench.SCHEMA],
        "stores": ["here"],
    }
    promised = {"objectives": {"rpo": "1d", "rto": "1h"}, "sandbox": "local", "owner": "-", "contacts": ["nobody"]}
    fleet = {
        "version": 1,
        "gnupg": {"home": str(folder / "gnupg"), "recipients": keys, "signer": keys[0]},
        "tools": [str(place) for place in path],
        "stores": {"here": {"kind": "directory", "path": str(folder / "store")}},
        "sandboxes": {"local": {"kind": "local"}},
        "pages": {"routes": {"nobody": {"kind": "webhook", "endpoint": environment.NOWHERE}}},
        "databases": {"bench": database | promised},
    }
    (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    source = {name: bed.endpoint[name] for name in ("host", "port", "password")}
    private = folder / "connections.json"
    private.touch(mode=0o600)
    private.write_text(json.dumps({"source": {"conn_type": "mysql", "login": bed.endpoint["user"], **source}}))
    return private
