"""Manifests, verdicts and evidence to put into a catalog."""

from __future__ import annotations

import datetime

from include.proven.manifest import Manifest, Server
from include.proven.proof.verdict import Verdict

NOON = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
POINTS = [
    "20251121T043512Z-full-ffffffff",
    "20261121T043512Z-full-7f3a9c01",
    "20261121T043513Z-full-00000000",
]
DRILL = "20261121T043600Z-drill-1c9e22ab"


def manifest(database: str, recovery_point: str, **changes: object) -> Manifest:
    """Return a manifest without artifacts."""
    members = {
        "recovery_point": recovery_point,
        "database": database,
        "engine": "mariadb",
        "proven_version": "0.1.0",
        "started_at": NOON,
        "snapshot_at": NOON,
        "finished_at": NOON,
        "server": Server(flavour="mariadb", version="10.11.19", identity="x", hostname="db", settings={}),
        "schemas": ["shop"],
        "recipients": [],
        "artifacts": [],
        "fingerprint": {},
        "inventory": {},
        "canary": None,
        "stages": [],
        "commands": [],
    }
    return Manifest.model_validate(members | changes)


def verdict(recovery_point: str, drill: str = DRILL) -> Verdict:
    """Return a verdict of `unproven` on a recovery point of the database `shop`."""
    return Verdict(
        drill=drill,
        database="shop",
        recovery_point=recovery_point,
        store="swift",
        sandbox="local",
        outcome="unproven",
        reason="there was no sandbox",
        steps=[],
        checks=[],
        started_at=NOON,
        finished_at=NOON,
        snapshot_at=NOON,
        data_age_seconds=None,
        measured_rto_seconds=None,
    )
