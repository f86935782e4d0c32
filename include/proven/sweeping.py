"""Find and remove what crashes have left in the stores: half-made recovery points, open uploads, probes.

What is under way just now looks the same, so only the time tells them apart: a backup or copy touches the store with every
part, and one that has been silent for longer than a whole backup may take is dead. Recovery points that have a manifest are
never touched here, nor is what belongs to no database of the fleet.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Iterator
from typing import Literal

from include.proven import ids
from include.proven.errors import ConfigError
from include.proven.installation import Installation
from include.proven.stores.contract import Store, Upload

State = Literal["left", "under way", "unknown"]
PROBE = ".check-"
SILENCE = datetime.timedelta(hours=1)
"""The least that a leftover must have been silent, whatever a database's time limit says."""


@dataclasses.dataclass(frozen=True)
class Leftover:
    """Something in a store that no manifest vouches for."""

    store: str
    folder: str
    """`<database>/<recovery point>`, a probe's folder, or the folder of a database that the fleet does not know"""
    objects: int
    uploads: int
    """Open uploads, each with its parts."""
    touched_at: datetime.datetime | None
    """When the youngest of it was written; None where the store does not say."""
    state: State
    """`left`: nobody works on it; `under way`: somebody may, or may refer to it; `unknown`: of no database of the fleet."""


@dataclasses.dataclass
class _Found:
    complete: bool = False
    objects: int = 0
    uploads: list[Upload] = dataclasses.field(default_factory=list)
    touched: list[datetime.datetime] = dataclasses.field(default_factory=list)


def find(installation: Installation, store_name: str) -> list[Leftover]:
    """Return what lies in a store without being part of a recovery point that exists, sorted by folder."""
    store = installation.store(store_name)
    now = datetime.datetime.now(datetime.UTC)
    leftovers = []
    for folder, found in sorted(_look(store).items()):
        touched = max(found.touched, default=None)
        state = _judge(installation, folder, now - touched if touched else datetime.timedelta())
        objects = 0 if found.complete else found.objects
        if objects and state == "left" and not folder.startswith(PROBE):
            objects, state = _look_for_needed(installation, store, folder)
        if objects or found.uploads:
            leftovers.append(Leftover(store_name, folder, objects, len(found.uploads), touched, state))
    return leftovers


def remove(installation: Installation, leftover: Leftover) -> int:
    """Remove a leftover and return how many objects, parts and uploads went; 0 if somebody has come back to it meanwhile.

    Raise ConfigError for one that is not `left`.
    """
    if leftover.state != "left":
        raise ConfigError(f"{leftover.folder} in store {leftover.store} is {leftover.state}: it is not removed")
    store = installation.store(leftover.store)
    found = _look(store, leftover.folder).get(leftover.folder, _Found())
    if max(found.touched, default=leftover.touched_at) != leftover.touched_at:
        return 0
    if found.complete:
        for upload in found.uploads:
            store.abort_upload(upload)
        return len(found.uploads)
    if leftover.folder.startswith(PROBE):
        return store.delete_folder(leftover.folder)
    database, point = leftover.folder.split("/")
    return installation.catalog(database, leftover.store).clear(database, point).objects


def _look(store: Store, below: str = "") -> dict[str, _Found]:
    """Return all that is stored, by the folder that it would be removed with."""
    found: dict[str, _Found] = collections.defaultdict(_Found)
    for stored in store.list_objects(below):
        if (folder := _folder(stored.key)) is None:
            continue
        entry = found[folder]
        entry.objects += 1
        entry.complete |= stored.key == f"{folder}/manifest.json"
        entry.touched += [stored.modified_at] if stored.modified_at else []
    for upload in store.list_uploads(below):
        if (folder := _folder(upload.key)) is not None:
            found[folder].uploads.append(upload)
            found[folder].touched += [upload.touched_at] if upload.touched_at else []
    return found


def _look_for_needed(installation: Installation, store: Store, folder: str) -> tuple[int, State]:
    """Return how many objects of a folder without a manifest no recovery point refers to, and what becomes of them."""
    database, point = folder.split("/")
    needed = installation.catalog(database, store.name).needed(database, point)
    unneeded = [stored.key for stored in store.list_objects(folder) if stored.key not in needed.keys]
    return len(unneeded), "under way" if needed.is_doubtful(point) else "left"


def _folder(key: str) -> str | None:
    """Return the folder that a key belongs to; None for what is no part of a recovery point (the ledger of pages)."""
    first, _, rest = key.partition("/")
    if first.startswith(PROBE):
        return first
    second = rest.partition("/")[0]
    return f"{first}/{second}" if ids.RECOVERY_POINT.fullmatch(second) else None


def _judge(installation: Installation, folder: str, silent: datetime.timedelta) -> State:
    database = folder.partition("/")[0]
    if not folder.startswith(PROBE) and database not in installation.fleet.databases:
        return "unknown"
    limit = SILENCE if folder.startswith(PROBE) else max(SILENCE, installation.database(database).backup_time_limit)
    return "left" if silent > limit else "under way"


def find_all(installation: Installation, stores: list[str]) -> Iterator[Leftover]:
    """Yield the leftovers of several stores."""
    for name in stores:
        yield from find(installation, name)
