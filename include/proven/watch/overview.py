"""The state of every database, over all of its stores: its newest recovery point, and its newest proof."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Callable, Mapping

from include.proven.catalog.at_once import open_pool
from include.proven.catalog.newest import Newest, NewestProofs, Proof
from include.proven.copies import Answers
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.watch import asking

REQUESTS_EACH = 3
"""That a database takes, at least: its recovery points, its drills, a verdict."""


@dataclasses.dataclass(frozen=True)
class State:
    """What the stores of one database hold of it."""

    database: str
    held: Mapping[str, Newest]
    """Store → what it holds; stores that gave no answer are not here."""
    silent: Mapping[str, ProvenError]
    """Store → why it gave no answer."""

    @property
    def recovery_point(self) -> str:
        """The newest recovery point; empty if there is none."""
        return max((newest.recovery_point for newest in self.held.values()), default="")

    @property
    def proof(self) -> Proof | None:
        """The newest recovery point that a drill has proven, from whichever store; None if there is none."""
        proofs = [newest.proof for newest in self.held.values() if newest.proof]
        return max(proofs, key=lambda proof: proof.as_of, default=None)

    @property
    def untrusted(self) -> list[str]:
        """A line for each record, newer than the newest proof, that can't be trusted."""
        return [f"store {store}: {why}" for store, newest in self.held.items() for why in newest.untrusted.values()]


@dataclasses.dataclass(frozen=True)
class Overview:
    """The states of all databases of the fleet."""

    states: list[State]
    """By name."""
    stores: Answers[dict[str, Newest]]
    catalogs: Mapping[str, NewestProofs]
    """Store → its catalog."""

    @property
    def untrusted_notes(self) -> dict[str, list[str]]:
        """Store → a line for each note of the watch's own in it that can't be trusted."""
        noted = {store: self.catalogs[store].verified.untrusted for store in self.stores.given}
        return {store: [f"store {store}: {why}" for why in found.values()] for store, found in noted.items() if found}

    def oldest(self, state: State) -> str:
        """Return the oldest recovery point of a database, or an empty string, by all that is listed of it. Raise StoreError."""
        found = [self.catalogs[store].oldest(state.database) for store in state.held]
        return min(filter(None, found), default="")


def read(installation: Installation, now: datetime.datetime) -> Overview:
    """Read the state of every database from all stores at once. A store that gives no answer is named; others are read."""
    fleet = installation.fleet
    catalogs: dict[str, NewestProofs] = {}

    def prepare(name: str) -> Callable[[], dict[str, Newest]]:
        catalogs[name] = NewestProofs(installation.store(name), installation.keyring)
        databases = [database for database, config in fleet.databases.items() if name in config.stores]
        return functools.partial(_read_store, catalogs[name], databases, now)

    stores = asking.ask_each(fleet.stores, prepare)
    states = [
        State(
            database,
            {store: stores.given[store][database] for store in config.stores if store in stores.given},
            {store: stores.silent[store] for store in config.stores if store in stores.silent},
        )
        for database, config in sorted(fleet.databases.items())
    ]
    return Overview(states, stores, catalogs)


def _read_store(catalog: NewestProofs, databases: list[str], now: datetime.datetime) -> dict[str, Newest]:
    with open_pool(catalog.store, REQUESTS_EACH * len(databases)) as pool:
        return catalog.newest(databases, now, pool)
