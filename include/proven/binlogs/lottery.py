"""The lottery: two recovery points and a second between them are drawn, and the binary log must lead there.

The younger one's fingerprint, inventory and canary say what must be there in the end, and ticks say it of the second. So the
whole way is tried as it would be gone on the worst day, and no row of it is taken on trust.
"""

from __future__ import annotations

import dataclasses
import datetime
import random
from collections.abc import Sequence

from include.proven import copies
from include.proven.binlogs import recovery
from include.proven.catalog.binlogs import SegmentName
from include.proven.drill import Drill
from include.proven.errors import ConfigError
from include.proven.installation import Installation
from include.proven.manifest import Manifest

CHANCE = random.SystemRandom()
RANDOM = "random"


def choose(installation: Installation, asked: Drill, which: str, goal: str) -> Drill:
    """Given a drill of no recovery point yet, return one of a way: `draw` to `which` for the goal `random`, else `reach`.

    `which` is an id, `latest` or `random`. Raise ConfigError if the goal is no moment, or both name where the way ends.
    """
    if goal == RANDOM:
        return draw(installation, asked, which)
    if which not in ("latest", RANDOM):
        hint = "The moment says from which one to begin and to which one to go on: name one of the two."
        raise ConfigError(f"a recovery point, {which}, and a moment are asked for", hint=hint)
    try:
        moment = recovery.parse_moment(goal)
    except ValueError:
        hint = f'Write a moment, "2026-11-21 13:37:00" (UTC), or {RANDOM}.'
        raise ConfigError(f"point in time: {goal!r} is no moment", hint=hint) from None
    return reach(installation, asked, moment)


def draw(installation: Installation, asked: Drill, which: str = RANDOM) -> Drill:
    """Given a drill of no recovery point yet, return one of a way: to the one that `which` names, or to any.

    Its store has both and their log. Raise ConfigError if the log leads from no recovery point to another.
    """
    found = copies.survey(installation, asked.database, asked.store)
    wanted = list(found.held) if which == RANDOM else [found.pick(which)]
    for younger in CHANCE.sample(wanted, len(wanted)):
        for store in found.held[younger]:
            older = [point for point, stores in found.held.items() if point < younger and store in stores]
            if chosen := _draw_older(installation, asked.database, store, younger, older):
                via, moment = chosen
                return dataclasses.replace(asked, recovery_point=younger, store=store, via=via, moment=moment)
    raise ConfigError(
        f"the binary log of {asked.database} leads from no recovery point to {'another' if which == RANDOM else which}",
        hint="It takes two recovery points of one server, and a stream that has shipped its log from the first to the second:"
        " ./proven stream",
    )


def reach(installation: Installation, asked: Drill, moment: datetime.datetime) -> Drill:
    """Given a drill of no recovery point yet, return one of the way that a restore to a second takes: from the newest recovery
    point from before, and on to the oldest one behind. Where there is none behind, the way ends at that second.

    Raise ConfigError if no recovery point is from before that, or the log does not lead there yet.
    """
    found = copies.survey(installation, asked.database, asked.store)
    second = moment.astimezone(datetime.UTC).replace(microsecond=0)
    for store in dict.fromkeys(store for stores in found.held.values() for store in stores):
        held = [point for point, stores in found.held.items() if store in stores]
        if chosen := _surround(installation, asked.database, store, held, second):
            start, end = chosen
            if start is end:
                recovery.plan(installation, start, store, recovery.to_moment(second))
            points = {"recovery_point": end.recovery_point, "via": start.recovery_point}
            return dataclasses.replace(asked, store=store, moment=second, **points)
    raise recovery.nothing_before(asked.database)


def _surround(
    installation: Installation, database: str, store: str, held: Sequence[str], second: datetime.datetime
) -> tuple[Manifest, Manifest] | None:
    """Return the recovery points before and behind a second, of those that lie in the log: twice the same if none is behind."""
    behind: list[Manifest] = []
    catalog, names = installation.catalog(database, store), dict[str, list[SegmentName]]()
    for point in reversed(held):
        manifest = catalog.manifest(database, point)
        server = manifest.server.identity
        if server not in names:
            names[server] = catalog.segment_names(database, server)
        if not _stands_in(names[server], manifest):
            continue
        if manifest.snapshot_at.replace(microsecond=0) <= second:
            return manifest, next((one for one in reversed(behind) if one.server.identity == server), manifest)
        behind.append(manifest)
    return None


def _draw_older(
    installation: Installation, database: str, store: str, younger: str, older: Sequence[str]
) -> tuple[str, datetime.datetime] | None:
    """Return one of the older recovery points from which the log leads to that one, and a second on the way.

    What is missing in between is not looked at: that is what the drill is for.
    """
    catalog = installation.catalog(database, store)
    end = catalog.manifest(database, younger)
    names = catalog.segment_names(database, end.server.identity)
    if not _stands_in(names, end):
        return None
    for point in CHANCE.sample(older, len(older)):
        start = catalog.manifest(database, point)
        if start.server.identity == end.server.identity and _stands_in(names, start):
            return point, draw_second(start.snapshot_at, end.snapshot_at)
    return None


def draw_second(after: datetime.datetime, before: datetime.datetime) -> datetime.datetime:
    """Return a whole second of those that begin and end between two moments; the first one's if there is none."""
    seconds = max(int(before.timestamp()) - int(after.timestamp()) - 1, 0)
    return datetime.datetime.fromtimestamp(int(after.timestamp()) + CHANCE.randint(0, seconds), datetime.UTC)


def _stands_in(names: Sequence[SegmentName], manifest: Manifest) -> bool:
    """Say whether a recovery point lies between the first and the last piece of the log."""
    if manifest.position is None or not manifest.position.file:
        return False
    place = SegmentName(manifest.database, manifest.server.identity, manifest.position.file, 0, manifest.position.offset)
    ends = [(name.number, name.end) for name in names]
    return bool(ends) and min(name.number for name in names) <= place.number and (place.number, place.end) <= max(ends)
