"""Time one large stream to a store and back: ours, `swift upload` and `swift download`, boto3's `upload_fileobj` and back.

All read a pipe and write a file, against the same real Swift on this machine (S3 through its s3api), in turn, several rounds;
the table shows each way's median round and the most memory that its process ever held. What comes back is compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import filecmp
import functools
import json
import os
import pathlib
import secrets
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator

import swiftclient
import yaml

from include.proven.bench import measure
from include.proven.bench.measure import Timing
from include.proven.demo import environment, swift
from include.proven.demo.swift_server.config import Account, Settings
from include.proven.errors import IntegrityError

BLOCK = 1 << 20
SEGMENT = str(16 << 20)


@dataclasses.dataclass(frozen=True)
class Track:
    """Where the race is run."""

    folder: pathlib.Path
    bytes: int
    environment: dict[str, str]

    @property
    def stream(self) -> pathlib.Path:
        """What is sent."""
        return self.folder / "stream"

    def up(self, way: str, argv: list[str]) -> Timing:
        """Time a program that sends its standard input."""
        return measure.time_program(
            way, argv, self.bytes, environment=self.environment, source=self.stream, sink=self.folder / "out"
        )

    def down(self, way: str, argv: list[str]) -> Timing:
        """Time a program that writes what was sent to its standard output. Raise IntegrityError if it is not that."""
        back = self.folder / "back"
        nothing = pathlib.Path(os.devnull)
        timing = measure.time_program(way, argv, self.bytes, environment=self.environment, source=nothing, sink=back)
        if not filecmp.cmp(self.stream, back, shallow=False):
            raise IntegrityError(f"{way}: what came back is not what was sent")
        back.unlink()
        return timing


def run(megabytes: int, rounds: int) -> list[Timing]:
    """Return the median of every way, uploads first."""
    timings: dict[str, list[Timing]] = {}
    with _track(megabytes) as track:
        for number in range(rounds):
            print(f"· round {number + 1} of {rounds}", file=sys.stderr)
            for race in _races(track, number):
                timing = race()
                timings.setdefault(timing.way, []).append(timing)
    return sorted((_median(found) for found in timings.values()), key=lambda timing: "→" not in timing.way)


def _races(track: Track, number: int) -> Iterator[Callable[[], Timing]]:
    """Yield the ways of one round, the uploads before the downloads of what they have sent."""
    carry = [sys.executable, "-m", "include.proven.bench.carry"]
    fileobj = [sys.executable, "-m", "include.proven.bench.s3_fileobj"]
    client = [str(pathlib.Path(sys.executable).with_name("swift")), "--quiet"]
    name = f"stream-{number}"
    notes = {store: str(track.folder / f"{store}-{number}.json") for store in ("swift", "s3")}
    upload = [*client, "upload", "-S", SEGMENT, "--object-name", name, "theirs", "-"]
    yield functools.partial(track.up, "proven → Swift", [*carry, "up", "swift", f"shop/{name}", notes["swift"]])
    yield functools.partial(track.up, "stdin → swift upload", upload)
    yield functools.partial(track.up, "proven → S3", [*carry, "up", "s3", f"shop/{name}", notes["s3"]])
    yield functools.partial(track.up, "stdin → boto3 upload_fileobj", [*fileobj, "up", "ours", f"theirs-{name}"])
    yield functools.partial(track.down, "proven ← Swift", [*carry, "down", "swift", f"shop/{name}", notes["swift"]])
    yield functools.partial(track.down, "stdout ← swift download", [*client, "download", "theirs", name, "-o", "-"])
    yield functools.partial(track.down, "proven ← S3", [*carry, "down", "s3", f"shop/{name}", notes["s3"]])
    yield functools.partial(track.down, "stdout ← boto3 download_fileobj", [*fileobj, "down", "ours", f"theirs-{name}"])


@contextlib.contextmanager
def _track(megabytes: int) -> Iterator[Track]:
    """Start a Swift, write the stream and a fleet of two stores, and remove all of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="proven-bench-", dir="/var/tmp") as scratch:
        folder, account = pathlib.Path(scratch), Account("proven", "bench", secrets.token_hex(16))
        with (folder / "stream").open("wb") as stream:
            for _ in range(megabytes * 1_000_000 // BLOCK):
                stream.write(os.urandom(BLOCK))
        server = swift.start_swift(folder / "swift", environment.SWIFT_PYTHON, Settings((account,), parent=os.getpid()))
        try:
            _make_bucket(server, account)
            yield Track(folder, (folder / "stream").stat().st_size, _write_fleet(folder, server, account))
        finally:
            swift.stop(server)


def _write_fleet(folder: pathlib.Path, server: swift.SwiftServer, account: Account) -> dict[str, str]:
    """Write fleet file and connections; return the environment of all the programs."""
    user = f"{account.account}:{account.user}"
    stores = {
        "swift": {"kind": "swift", "connection": "swift", "container": "proven"},
        "s3": {"kind": "s3", "connection": "s3", "bucket": "ours"},
    }
    extra = {"region_name": "us-east-1", "endpoint_url": server.url}
    connections = {
        "swift": {"conn_type": "swift", "host": server.auth_url, "login": user, "password": account.password},
        "s3": {"conn_type": "aws", "login": user, "password": account.password, "extra": extra},
    }
    shop = {"connection": "-", "engine": "mariadb", "schedule": None, "objectives": {"rpo": "1d", "rto": "1h"}}
    fleet = {
        "version": 1,
        "gnupg": {"home": str(folder), "recipients": ["-"], "signer": "-"},
        "stores": stores,
        "sandboxes": {"local": {"kind": "local"}},
        "pages": {"routes": {"nobody": {"kind": "webhook", "endpoint": environment.NOWHERE}}},
        "databases": {"shop": {**shop, "stores": list(stores), "sandbox": "local", "owner": "-", "contacts": ["nobody"]}},
    }
    (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    private = folder / "connections.json"
    private.touch(mode=0o600)
    private.write_text(json.dumps(connections))
    rivals = {"ST_AUTH": server.auth_url, "ST_USER": user, "ST_KEY": account.password}
    rivals |= {"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": account.password, "AWS_DEFAULT_REGION": "us-east-1"}
    ours = {"PROVEN_FLEET": str(folder / "fleet.yaml"), "PROVEN_CONNECTIONS": str(private)}
    # The rivals' code is installed compiled; ours must not be compiled anew each time where this shell keeps none.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **ours, **rivals, "AWS_ENDPOINT_URL": server.url}


def _make_bucket(server: swift.SwiftServer, account: Account) -> None:
    raw = swiftclient.Connection(
        authurl=server.auth_url, user=f"{account.account}:{account.user}", key=account.password, retries=0
    )
    for container in ("ours", "theirs"):
        raw.put_container(container)


def _median(found: list[Timing]) -> Timing:
    middle = statistics.median_low(timing.wall for timing in found)
    chosen = next(timing for timing in found if timing.wall == middle)
    return dataclasses.replace(chosen, peak=max(timing.peak or 0 for timing in found))
