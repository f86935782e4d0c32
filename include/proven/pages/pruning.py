"""Removes from the ledger what was over long ago (`pages.keep`). Nothing else of it is ever removed but claims.

An incident's events may lie in any of its database's stores, and only its last one, `closed`, says that it is over. So that one
goes when all the others are gone, from every store; and nothing of a database goes while one of its stores is silent, or what
lies there would come to life again.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence

from include.proven import copies
from include.proven.catalog import Catalog
from include.proven.catalog.at_once import open_pool
from include.proven.catalog.pages import EventName
from include.proven.errors import ProvenError
from include.proven.fleet.pages import FLEET
from include.proven.installation import Installation

EVERY = datetime.timedelta(days=1)
MOST = 1000
"""Incidents that are removed at a time, the oldest first: the watch must get to its end."""
PATIENCE = 300.0
"""Seconds that a store may take to remove its part of them."""
LAST = "closed"
Held = dict[str, list[EventName]]
"""Store → events that lie there."""


@dataclasses.dataclass(frozen=True)
class Pruned:
    """What was removed, and what could not be."""

    before: datetime.datetime
    """What was over then, and nothing has happened to since."""
    removed: Mapping[str, int]
    """Database, or `fleet.pages.FLEET` → how many of its incidents are gone."""
    answers: copies.Answers[None]
    """Of the stores. Those that gave none have kept what is theirs."""

    @property
    def lines(self) -> list[str]:
        """What was removed, a line for each database."""
        return [
            f"{database}: removed {count} that ended before {self.before:%Y-%m-%d}" for database, count in self.removed.items()
        ]


def prune(installation: Installation, now: datetime.datetime) -> Pruned:
    """Remove the incidents that were over for `pages.keep`. Where a store fails, those of its databases stay, and no others."""
    before = now - installation.fleet.pages.keep
    asked = [FLEET, *installation.fleet.databases]

    def look(one: Catalog) -> list[EventName]:
        here = [database for database in asked if one.store.name in installation.stores_of(database)]
        with open_pool(one.store, len(here)) as pool:
            return one.page_events_of(here, pool)

    answers = copies.ask(installation, FLEET, look, patience=PATIENCE)
    silent = dict(answers.silent)
    old = _choose(answers.given, _whole(installation, asked, silent), before)
    for is_last in (False, True):
        whole = _whole(installation, asked, silent)
        silent |= _remove(installation, _part(answers.given, old, whole, is_last=is_last))
    whole = _whole(installation, asked, silent)
    counts = collections.Counter(database for database, _, _ in sorted(old) if database in whole)
    given = {store: None for store in answers.given if store not in silent}
    return Pruned(before, dict(counts), copies.Answers(given, silent))


def _whole(installation: Installation, databases: Sequence[str], silent: Collection[str]) -> set[str]:
    """Return the databases all of whose stores have answered."""
    return {database for database in databases if not set(installation.stores_of(database)) & set(silent)}


def _choose(held: Held, databases: Collection[str], before: datetime.datetime) -> set[tuple[str, str, str]]:
    """Return database, folder and id of the incidents that are to go."""
    known: dict[tuple[str, str, str], list[EventName]] = collections.defaultdict(list)
    for name in (name for names in held.values() for name in names):
        if name.database in databases:
            known[name[:3]].append(name)
    old = [
        incident
        for incident, names in known.items()
        if any(name.type == LAST for name in names) and max(name.at for name in names) < before
    ]
    return set(sorted(old, key=lambda incident: incident[2])[:MOST])


def _part(held: Held, old: Collection[tuple[str, str, str]], databases: Collection[str], *, is_last: bool) -> Held:
    """Return the last events of what is to go, or all the others, of the stores that hold any."""

    def choose(names: Sequence[EventName]) -> Iterator[EventName]:
        for name in names:
            if name[:3] in old and name.database in databases and (name.type == LAST) == is_last:
                yield name

    return {store: chosen for store, names in held.items() if (chosen := list(choose(names)))}


def _remove(installation: Installation, part: Held) -> dict[str, ProvenError]:
    """Remove events; return the stores that have failed, and why."""

    def remove(one: Catalog) -> None:
        if here := part.get(one.store.name):
            with open_pool(one.store, len(here)) as pool:
                one.remove_events(here, pool)

    return copies.ask(installation, FLEET, remove, patience=PATIENCE).silent if part else {}
