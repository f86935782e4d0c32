"""What a store holds, from one listing of it: sizes and ids, by which most concerns see that there is nothing to read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from include.proven import ids
from include.proven.catalog.drills import VERDICT
from include.proven.errors import NothingStoredError
from include.proven.stores.contract import Store, StoredObject


@dataclasses.dataclass
class Held:
    """One recovery point, whole or not."""

    bytes: int = 0
    """Of its artifacts, as they are stored."""
    complete: bool = False
    drills: list[str] = dataclasses.field(default_factory=list)
    """Ids of those that have a verdict here."""


PATIENCE = 900.0
"""Seconds that a store may take for the list of a million objects."""
Holdings = dict[str, dict[str, Held]]
"""Database → recovery point, oldest first."""


def survey(store: Store) -> Holdings:
    """Return what a store holds, nothing if its container is not made yet. Raise StoreError. No signature is looked at."""
    found: Holdings = {}
    for stored in list_all(store):
        database, point, rest = (*stored.key.split("/", 2), "", "")[:3]
        if not ids.RECOVERY_POINT.fullmatch(point):
            continue
        held = found.setdefault(database, {}).setdefault(point, Held())
        if rest == "manifest.json":
            held.complete = True
        elif VERDICT.fullmatch(rest):
            held.drills.append(rest.removeprefix("drills/").removesuffix(".json"))
        elif rest.endswith(".gpg"):
            held.bytes += stored.bytes
    return {database: dict(sorted(points.items())) for database, points in found.items()}


def hours_of(point: str) -> float:
    """Return when a recovery point was begun, in hours since 1970."""
    return ids.started_at(point).timestamp() / 3600


def list_all(store: Store) -> Iterator[StoredObject]:
    """Yield all objects of a store, none if its container is not made yet. Raise StoreError."""
    try:
        yield from store.list_objects("")
    except NothingStoredError:
        return
