"""Honest drills: backups of a source that is being written, each restored and checked; not one of them may alarm."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import time
from collections.abc import Callable, Iterator

import yaml

from include.proven import backup, drill, ids
from include.proven.demo.keys import DemoKeys
from include.proven.drill import Drill
from include.proven.errors import SourceError
from include.proven.installation import Installation, open_installation
from include.proven.proof.verdict import Verdict
from tests.proving.load import SCHEMAS
from tests.servers.databases import DatabaseServer

DDL_WORDS = ("altered", "definition has changed", "doesn't exist", "no such grant", "Operation SHOW CREATE USER failed")
"""How a backup says that definitions changed under it."""
LOCK_WORDS = "the read lock could not be taken, within"
"""How it says that statements held up its lock for longer than `lock_time_limit`."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one try: a drill's verdict, or the error of a backup."""

    seconds: float
    verdict: Verdict | None
    backup_error: str = ""

    @property
    def proven(self) -> bool:
        """Whether a drill has proven it."""
        return self.verdict is not None and self.verdict.outcome == "proven"

    @property
    def is_false_alarm(self) -> bool:
        """Whether somebody was told of a fault that there is not. A backup that told of DDL or of a lock held up was right."""
        was_right = self.verdict is None and any(word in self.backup_error for word in (*DDL_WORDS, LOCK_WORDS))
        return not (self.proven or was_right)

    def __str__(self) -> str:
        if self.verdict is None:
            return f"no backup: {self.backup_error}"
        wrong = [
            f"{one.name} {one.outcome}: {one.differences or one.figure}" for one in self.verdict.checks if one.outcome != "pass"
        ]
        return f"{self.verdict.outcome} {self.verdict.recovery_point}: {self.verdict.reason}; {wrong}"


@contextlib.contextmanager
def open_fleet(
    folder: pathlib.Path, source: DatabaseServer, keys: DemoKeys, sandboxes: pathlib.Path, parallel: int = 1
) -> Iterator[Installation]:
    """Open an installation in this process: the source under load, a directory as its store, local sandboxes."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    recipients = ["backup@proven.invalid", "escrow@proven.invalid"]
    document = {
        "version": 1,
        "spread": None,
        "gnupg": {"home": str(keys.home), "recipients": recipients, "signer": recipients[0]},
        "tools": [str(path) for path in source.path],
        "stores": {"disk": {"kind": "directory", "path": str(disk)}},
        "sandboxes": {"local": {"kind": "local", "directory": str(sandboxes)}},
        "pages": {"routes": {"oncall": {"kind": "webhook", "endpoint": "http://127.0.0.1:9/"}}},
        "databases": {
            "busy": {
                "connection": "source", "engine": source.flavour, "schedule": None, "schemas": SCHEMAS, "stores": ["disk"],
                "parallel": parallel,
                "objectives": {"rpo": "26h", "rto": "1h"}, "sandbox": "local", "owner": "tests", "contacts": ["oncall"],
            }
        },
    }  # fmt: skip
    endpoint = source.endpoint
    login = {"host": endpoint["host"], "port": endpoint["port"], "login": endpoint["user"], "password": endpoint["password"]}
    (folder / "fleet.yaml").write_text(yaml.safe_dump(document))
    connections = folder / "connections.json"
    connections.touch(mode=0o600)
    connections.write_text(json.dumps({"source": {"conn_type": "mysql", **login}}))
    variables = {
        "PROVEN_FLEET": str(folder / "fleet.yaml"),
        "PROVEN_CONNECTIONS": str(connections),
        "PROVEN_HOME": str(folder / "state"),
        "PROVEN_GNUPG_HOME": str(keys.home),
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield open_installation()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def take_and_drill(installation: Installation) -> Outcome:
    """Take a backup and drill it."""
    begun = time.monotonic()
    try:
        point = backup.take_backup(installation, "busy", backup.new_id()).manifest.recovery_point
    except SourceError as error:
        return Outcome(time.monotonic() - begun, None, f"{error.what}: {error.detail}")
    verdict = drill.run(installation, Drill(ids.new_drill(), "busy", point, "disk", "local", "prove-the-proof"))
    return Outcome(time.monotonic() - begun, verdict)


def run(
    installation: Installation,
    drills: int,
    seconds: float = math.inf,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Try until there were so many drills, or the time is over, and return every outcome. Backups that DDL has ended come on
    top."""
    outcomes: list[Outcome] = []
    until = time.monotonic() + seconds
    while sum(one.verdict is not None for one in outcomes) < drills and time.monotonic() < until:
        outcomes.append(take_and_drill(installation))
        if on_outcome:
            on_outcome(outcomes[-1])
    return outcomes
