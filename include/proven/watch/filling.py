"""Concern `filling`: a store that is nearly full, or will be soon if it goes on as in the last two weeks.

Its limit is the fleet file's `capacity`, else its own quotas or its disk. What it gains is what backups have added, less what
Swift deletes by `expire_after`; what people delete by hand or a bucket by its own rules is not foreseen.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator
from typing import NamedTuple

from include.proven import ids
from include.proven.fleet import model
from include.proven.fleet.pages import Severity
from include.proven.installation import Installation
from include.proven.progress import format_bytes
from include.proven.stores.contract import Room, Store
from include.proven.watch import asking, holdings
from include.proven.watch.concern import Concern, Finding

KIND = "store-filling"
STEPS: tuple[tuple[float, Severity], ...] = ((0.95, "error"), (0.85, "warning"))
"""Shares of what it may hold."""
HORIZON = datetime.timedelta(days=14)
"""So far back is looked, and so far ahead."""
HALF = 0.5
"""What is less full can't be full after another such time: all that it holds is more than it has gained."""
HINT = (
    "Give it space (a disk, a quota; then `capacity` in the fleet file), let what is old expire (`expire_after`, or a lifecycle"
    " rule of the bucket), or give some databases another store. `./proven sweep` removes only what failed backups have left."
)


class Fullness(NamedTuple):
    """How full a store is, and how fast it fills."""

    room: Room
    gain: int
    """Bytes in `HORIZON`; 0 where that was not asked, for it could not matter."""


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield the stores that are filling up. Raise ProvenError where one can't be looked at."""
    fleet = installation.fleet.stores
    found = asking.ask_each(
        fleet,
        lambda name: functools.partial(measure, installation.store(name), fleet[name], now),
        patience=holdings.PATIENCE,
    )
    for name, fullness in found.given.items():
        if fullness:
            yield from _judge(name, fullness)
    asking.require("room in stores", found)


def measure(store: Store, config: model.Store, now: datetime.datetime) -> Fullness | None:
    """Return how full a store's tightest limit is; None where nothing limits it. Raise StoreError."""
    rooms = [Room("its capacity", _held(store), config.capacity)] if config.capacity else store.rooms()
    if not rooms:
        return None
    room = max(rooms, key=_share)
    return Fullness(room, _gain(store, config, now) if _share(room) >= HALF else 0)


def _held(store: Store) -> int:
    return sum(stored.bytes for stored in holdings.list_all(store))


def _share(room: Room) -> float:
    return room.used / room.capacity if room.capacity else 1.0


def _gain(store: Store, config: model.Store, now: datetime.datetime) -> int:
    """Return how many bytes a store will have more after `HORIZON`."""
    sizes = [
        (ids.started_at(point), held.bytes) for points in holdings.survey(store).values() for point, held in points.items()
    ]
    gain = sum(size for begun, size in sizes if begun > now - HORIZON)
    if isinstance(config, model.SwiftStore) and config.expire_after:
        gain -= sum(size for begun, size in sizes if begun + config.expire_after <= now + HORIZON)
    return gain


def _judge(store: str, fullness: Fullness) -> Iterator[Finding]:
    room, gain = fullness
    share, free = _share(room), room.capacity - room.used
    severity = next((severity for least, severity in STEPS if share >= least), None)
    soon = gain > 0 and free <= gain
    if severity is None and not soon:
        return
    summary = f"store {store}: {share:.0%} of {room.limit} is used ({format_bytes(room.used)} of {format_bytes(room.capacity)})"
    if soon:
        summary += f"; full in {max(free, 0) / gain * HORIZON.days:.0f} days if it grows as in the last {HORIZON.days}"
    yield Finding(KIND, summary, thing=store, severity=severity or "warning", hint=HINT)


CONCERN = Concern("filling", (KIND,), look, every=datetime.timedelta(hours=1))
