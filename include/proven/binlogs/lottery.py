"""The lottery: two recovery points are drawn, and the binary log must lead from the older one to the younger one.

What the younger one's fingerprint, inventory and canary say is what must be there. So the whole way is tried as it would be
gone on the worst day, and no row of it is taken on trust.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from include.proven import copies
from include.proven.catalog.binlogs import SegmentName
from include.proven.drill import Drill
from include.proven.errors import ConfigError
from include.proven.installation import Installation
from include.proven.manifest import Manifest

RANDOM = random.SystemRandom()


def draw(installation: Installation, asked: Drill, which: str = "random") -> Drill:
    """Given a drill of no recovery point yet, return one of a way: to the one that `which` names, or to any.

    Its store has both and their log. Raise ConfigError if the log leads from no recovery point to another.
    """
    found = copies.survey(installation, asked.database, asked.store)
    wanted = list(found.held) if which == "random" else [found.pick(which)]
    for younger in RANDOM.sample(wanted, len(wanted)):
        for store in found.held[younger]:
            older = [point for point, stores in found.held.items() if point < younger and store in stores]
            if chosen := _draw_older(installation, asked.database, store, younger, older):
                return Drill(asked.id, asked.database, younger, store, asked.sandbox, asked.triggered_by, chosen)
    raise ConfigError(
        f"the binary log of {asked.database} leads from no recovery point to {'another' if which == 'random' else which}",
        hint="It takes two recovery points of one server, and a stream that has shipped its log from the first to the second:"
        " ./proven stream",
    )


def _draw_older(installation: Installation, database: str, store: str, younger: str, older: Sequence[str]) -> str:
    """Return one of the older recovery points from which the log leads to that one, or an empty string.

    What is missing in between is not looked at: that is what the drill is for.
    """
    catalog = installation.catalog(database, store)
    end = catalog.manifest(database, younger)
    names = catalog.segment_names(database, end.server.identity)
    if not _stands_in(names, end):
        return ""
    for point in RANDOM.sample(older, len(older)):
        start = catalog.manifest(database, point)
        if start.server.identity == end.server.identity and _stands_in(names, start):
            return point
    return ""


def _stands_in(names: Sequence[SegmentName], manifest: Manifest) -> bool:
    """Say whether a recovery point lies between the first and the last piece of the log."""
    if manifest.position is None or not manifest.position.file:
        return False
    place = SegmentName(manifest.database, manifest.server.identity, manifest.position.file, 0, manifest.position.offset)
    ends = [(name.number, name.end) for name in names]
    return bool(ends) and min(name.number for name in names) <= place.number and (place.number, place.end) <= max(ends)
