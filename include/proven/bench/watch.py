"""Time `./proven watch` on stores of a thousand databases with thirty recovery points each (`history`).

The store is written, then the command is run as cron would, from the start of Python to its last line: on a directory, and on a
real Swift, all servers of which are one process on this machine. It must name exactly the databases that are beyond their RPO.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from include.proven import connections
from include.proven.bench import history, measure
from include.proven.demo import environment, swift
from include.proven.demo.keys import create_demo_keys
from include.proven.demo.swift_server.config import Account, Settings
from include.proven.encryption import gpg
from include.proven.encryption.keyring import Keyring
from include.proven.errors import ToolError
from include.proven.fleet import model

DATABASES, POINTS, ROUNDS = 1000, 30, 3
LATE_EVERY = 50
"""One of so many databases is beyond its RPO."""
RECENCY = ["--only", "recency"]
UPLOADS = 8
CONTAINER = "proven"
LIST_THEM = """
import json, pathlib, sys, time
from swift.common.utils import Timestamp
from swift.container.backend import ContainerBroker
names, root = json.load(sys.stdin), pathlib.Path(sys.argv[1])
for path in root.rglob("*.db"):
    broker = ContainerBroker(str(path))
    if path.parts[-5] == "containers" and broker.get_info()["container"] == sys.argv[2]:
        entry = {"size": 3, "content_type": "application/json", "etag": "8a80554c91d9fca8acb82f023de02f11", "deleted": 0,
                 "storage_policy_index": 0, "ctype_timestamp": None, "meta_timestamp": None}
        now = Timestamp(time.time()).internal
        broker.merge_items([{"name": name, "created_at": now, **entry} for name in names])
        print(len(names))
"""
"""Puts names into a container's listing, in Swift's own environment: 200,000 uploads would take an hour."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """One way to call the command on one store: seconds, each of the middle one of several runs."""

    store: str
    command: str
    first: float
    """Until the first database was named."""
    wall: float
    cpu: float
    """Of the command and gpg; Swift's is not in it."""
    named: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is written into a store."""

    folder: pathlib.Path
    """The keys are in its `gnupg`."""
    databases: list[str]
    late: frozenset[str]
    """Databases that are beyond their RPO."""
    objects: list[history.Stored]


@dataclasses.dataclass(frozen=True)
class Bed:
    """A fleet whose store is written."""

    store: str
    folder: pathlib.Path
    config: dict[str, Any]
    """Of the store, as the fleet file has it."""
    variables: dict[str, str]
    late: frozenset[str]
    """Databases that are beyond their RPO."""
    remembers: bool
    """The store keeps what one watch has verified for the next."""


def run(databases: int = DATABASES, points: int = POINTS, rounds: int = ROUNDS) -> list[Measured]:
    """Time the command on a directory and on Swift."""
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="proven-bench-", dir="/var/tmp") as scratch:
        folder = pathlib.Path(scratch)
        create_demo_keys(folder / "gnupg")
        try:
            planned = plan(folder, databases, points)
            for make in (directory_bed, swift_bed):
                with make(planned) as bed:
                    if bed.remembers:
                        found.append(dataclasses.replace(_run_once(bed, RECENCY), store=f"{bed.store}, the first time"))
                    found += [_measure(bed, arguments, rounds) for arguments in (RECENCY, [])]
        finally:
            gpg.stop_agents(folder / "gnupg")
    return found


def table(found: Sequence[Measured], databases: int = DATABASES, points: int = POINTS) -> str:
    """Return a Markdown table of what was measured."""
    lines = [
        f"| {databases:,} databases × {points} recovery points | named | first named after s | done after s | of CPU |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {each.store}: `{each.command}` | {each.named} | {each.first:.1f} | {each.wall:.1f} | {each.cpu:.1f} |"
            for each in found
        ),
    ]
    return "\n".join([*lines, ""])


def _measure(bed: Bed, arguments: Sequence[str], rounds: int) -> Measured:
    runs = [_run_once(bed, arguments) for _ in range(rounds)]
    chosen = next(one for one in runs if one.wall == statistics.median_low(one.wall for one in runs))
    print(f"· {table(runs)}", file=sys.stderr)
    return chosen


def _run_once(bed: Bed, arguments: Sequence[str]) -> Measured:
    """Run the command once. Raise ToolError unless it names exactly the databases that are beyond their RPO."""
    words = ["watch", "--no-page", *arguments]
    before, begun, first = measure.cpu_seconds(), time.monotonic(), 0.0
    lines: list[str] = []
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | bed.variables
    with subprocess.Popen(
        [sys.executable, "-m", "include.proven.cli", *words], env=environ, stdout=subprocess.PIPE, text=True
    ) as program:
        for line in program.stdout or ():
            first = first or time.monotonic() - begun
            lines.append(line)
    wall = time.monotonic() - begun
    named = {line.partition(":")[0] for line in lines if "the newest proof is too old" in line}
    if named != bed.late or program.returncode != 1:
        raise ToolError(f"proven watch: it named {len(named)} databases, not {len(bed.late)}", detail="".join(lines[:20]))
    return Measured(bed.store, f"./proven {' '.join(words)}", first, wall, measure.cpu_seconds() - before, len(named))


@contextlib.contextmanager
def directory_bed(planned: Plan) -> Iterator[Bed]:
    """Write the histories into a directory."""
    place = planned.folder / "store"
    for stored in planned.objects:
        path = place / stored.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stored.content)
    config = {"kind": "directory", "path": str(place)}
    yield Bed("directory", planned.folder, config, _write_fleet(planned, config, {}), planned.late, remembers=False)


@contextlib.contextmanager
def swift_bed(planned: Plan) -> Iterator[Bed]:
    """Start a Swift and write the histories into a container of it."""
    account = Account("proven", "bench", secrets.token_hex(16))
    server = swift.start_swift(planned.folder / "swift", environment.SWIFT_PYTHON, Settings((account,), parent=os.getpid()))
    try:
        login = {"host": server.auth_url, "login": f"{account.account}:{account.user}", "password": account.password}
        config = {"kind": "swift", "connection": "swift", "container": CONTAINER}
        _upload(planned, config, login)
        variables = _write_fleet(planned, config, {"swift": {"conn_type": "swift", **login}})
        yield Bed("Swift", planned.folder, config, variables, planned.late, remembers=True)
    finally:
        swift.stop(server)


def _upload(planned: Plan, config: dict[str, Any], login: dict[str, str]) -> None:
    """Upload what is read, and put the names of the rest into the listing."""
    from include.proven.stores.swift import SwiftStore

    connection = connections.Connection("swift", "swift", login["host"], login=login["login"], password=login["password"])
    store = SwiftStore("store", model.SwiftStore.model_validate(config), connection)
    listed = [stored.key for stored in planned.objects if not stored.is_read]
    read = [stored for stored in planned.objects if stored.is_read]
    with concurrent.futures.ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(lambda stored: store.put_record(stored.key, stored.content), read))
    argv = [str(environment.SWIFT_PYTHON), "-c", LIST_THEM, str(planned.folder / "swift"), CONTAINER]
    done = subprocess.run(argv, input=json.dumps(listed), capture_output=True, text=True, check=False)
    if done.stdout.strip() != str(len(listed)):
        raise ToolError("swift: the listing could not be written", detail=done.stderr[-2000:])


def plan(folder: pathlib.Path, databases: int, points: int) -> Plan:
    """Return the histories of so many databases, signed by the keys in `gnupg` of that folder."""
    names = [f"shop_{number:04d}" for number in range(databases)]
    late = frozenset(names[::LATE_EVERY])
    config = model.GnuPG(home=folder / "gnupg", recipients=["backup@proven.invalid"], signer="backup@proven.invalid")
    now = datetime.datetime.now(datetime.UTC)
    return Plan(folder, names, late, list(history.objects(Keyring(config), names, points, now, late)))


def _write_fleet(planned: Plan, store: dict[str, Any], known: dict[str, dict[str, str]]) -> dict[str, str]:
    """Write fleet file and connections; return what leads the command line there."""
    folder = planned.folder
    fleet = history.document(folder / "gnupg", planned.databases, store)
    (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet, sort_keys=False))
    private = folder / "connections.json"
    private.touch(mode=0o600)
    private.write_text(json.dumps(known))
    return {
        "PROVEN_FLEET": str(folder / "fleet.yaml"),
        "PROVEN_CONNECTIONS": str(private),
        "PROVEN_HOME": str(folder / "state"),
    }
