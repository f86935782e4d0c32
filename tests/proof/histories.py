"""Recovery points of one database, day by day."""

from __future__ import annotations

import datetime
from typing import Any

import yaml

from include.proven.fleet.databases import Database
from include.proven.manifest import Artifact, Manifest, Server
from include.proven.proof.history import History
from tests.catalog import records

NOON = records.NOON
SERVER = Server(flavour="mariadb", version="10.11.19", identity="uid-1", hostname="db1", settings={})
CONFIG = """
connection: source
engine: mariadb
schedule: null
objectives: {rpo: 26h, rto: 1h}
stores: [disk]
sandbox: local
owner: tests
contacts: [oncall]
"""


def config(**changes: Any) -> Database:
    """Return a database of a fleet file."""
    return Database.model_validate(yaml.safe_load(CONFIG) | changes)


def taken(day: int, rows: dict[str, int] | None = None, *, plain_bytes: int = 10**6, **changes: Any) -> Manifest:
    """Return the recovery point of a day, with so many rows a table."""
    at = NOON + datetime.timedelta(days=day)
    point = f"{at:%Y%m%dT%H%M%SZ}-full-00000000"
    artifact = Artifact(
        name="dump", role="dump", bytes=1, sha256="", plain_bytes=plain_bytes, plain_sha256="", end_marker="", parts=[]
    )
    tables = {name: {"rows": count, "digest": "", "columns": 1, "engine": "InnoDB"} for name, count in (rows or {}).items()}
    members = {
        "started_at": at - datetime.timedelta(seconds=5),
        "snapshot_at": at,
        "finished_at": at + datetime.timedelta(minutes=5),
        "server": SERVER,
        "artifacts": [artifact],
        "fingerprint": {"tables": tables, "rows": sum((rows or {}).values())},
        "canary": {"recovery_point": point, "written_at": (at - datetime.timedelta(seconds=1)).isoformat()},
    }
    return records.manifest("shop", point, **members | changes)


def proven(*manifests: Manifest, untrusted: tuple[str, ...] = ()) -> History:
    """Return a history of them, given oldest first."""
    return History(manifests[::-1], untrusted)


def canaries(*manifests: Manifest) -> dict[str, Any]:
    """Return what a copy's canary table holds that has the canaries of those, given oldest first."""
    rows = [[one.canary["recovery_point"], one.canary["written_at"]] for one in reversed(manifests) if one.canary]
    return {"recovery_point": rows[0][0], "written_at": rows[0][1], "rows": rows}
