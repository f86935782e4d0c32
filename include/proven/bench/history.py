"""A fleet of many databases with a history of recovery points, as the watch sees it: written in seconds, not backed up.

Each recovery point has the objects that it would have: manifest, three artifacts, a verdict, and the signatures. What the watch
reads is genuine, verdicts of the usual size and their signatures; what it only lists has next to no content.
"""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from include.proven import ids
from include.proven.catalog import newest
from include.proven.encryption.keyring import Keyring
from include.proven.manifest import Stage
from include.proven.proof.verdict import Check, Outcome, Step, Verdict

HOURS_OLD = 3
"""Of the newest recovery point; the others are a day older each."""
UNPROVEN = 2
"""Newest recovery points of a database beyond its RPO that no drill has proven."""
READ_LATE = 1 + newest.FACTOR
"""Verdicts that are read of such a database: the first, and in a second round some more."""
LISTED = b"{}\n"
ARTIFACTS = ("accounts.sql.zst.gpg", "dump.sql.zst.gpg", "grants.sql.zst.gpg")
CHECKS = 24
"""Of a verdict: with them it has some 6 KB."""


class Stored(NamedTuple):
    """One object."""

    key: str
    content: bytes
    is_read: bool
    """By the watch, if it only looks for proofs; the others are only listed."""


def objects(
    keyring: Keyring, databases: Iterable[str], points: int, now: datetime.datetime, late: frozenset[str]
) -> Iterator[Stored]:
    """Yield all objects of these databases, so many recovery points of each; those that are `late` have no young proof."""
    for number, database in enumerate(databases):
        for age in range(points):
            begun = now - datetime.timedelta(days=age, hours=HOURS_OLD, seconds=-(number % 3600))
            outcome: Outcome = "unproven" if database in late and age < UNPROVEN else "proven"
            is_read = age < (READ_LATE if database in late else 1)
            yield from _recovery_point(keyring, database, begun, outcome, is_read=is_read)


def _recovery_point(
    keyring: Keyring, database: str, begun: datetime.datetime, outcome: Outcome, *, is_read: bool
) -> Iterator[Stored]:
    point = ids.new_recovery_point(now=begun, run=database)
    drill = ids.new_drill(now=begun + datetime.timedelta(minutes=30), run=database)
    for name in (*ARTIFACTS, "manifest.json", "manifest.json.asc"):
        yield Stored(f"{database}/{point}/{name}", LISTED, False)
    content = _verdict(database, point, drill, outcome).model_dump_json(indent=2).encode() + b"\n" if is_read else LISTED
    yield Stored(f"{database}/{point}/drills/{drill}.json.asc", keyring.sign(content) if is_read else LISTED, is_read)
    yield Stored(f"{database}/{point}/drills/{drill}.json", content, is_read)


def _verdict(database: str, point: str, drill: str, outcome: Outcome) -> Verdict:
    started, taken = ids.started_at(drill), ids.started_at(point)
    stages = [Stage(name=name, seconds=12.5, bytes=123_456_789) for name in ("download", "decrypt", "decompress", "load")]
    return Verdict(
        drill=drill,
        database=database,
        recovery_point=point,
        store="store",
        sandbox="local",
        outcome=outcome,
        reason="" if outcome == "proven" else "there was no room",
        steps=[Step(name="build", outcome="done"), Step(name="restore", outcome="done", stages=stages)],
        checks=[_check(number) for number in range(CHECKS)],
        started_at=started,
        finished_at=started + datetime.timedelta(minutes=10),
        snapshot_at=taken,
        data_age_seconds=(started - taken).total_seconds(),
        measured_rto_seconds=600.0,
    )


def _check(number: int) -> Check:
    figure = f"{number + 1} tables, 1,204,331 rows, as on the source"
    return Check(name=f"check_{number}", outcome="pass", proves_data=True, figure=figure, seconds=1.5)


def document(home: pathlib.Path, databases: Iterable[str], store: dict[str, Any]) -> dict[str, Any]:
    """Return the fleet file of these databases: a backup each day, each at a minute of its own, and a proof each 26 hours."""
    database = {"connection": "source", "engine": "mariadb", "objectives": {"rpo": "26h", "rto": "1h"}, "stores": ["store"]}
    rest = {"sandbox": "local", "owner": "bench", "contacts": ["nobody"]}
    return {
        "version": 1,
        "gnupg": {"home": str(home), "recipients": ["backup@proven.invalid"], "signer": "backup@proven.invalid"},
        "stores": {"store": store},
        "sandboxes": {"local": {"kind": "local"}},
        "pages": {"routes": {"nobody": {"kind": "webhook", "endpoint": "http://127.0.0.1:9/"}}},
        "databases": {
            name: {**database, "schedule": f"{number % 60} {number // 60 % 24} * * *", **rest}
            for number, name in enumerate(databases)
        },
    }
