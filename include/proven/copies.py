"""The copies of a database's recovery points: its catalog over all of its stores.

Each store has a catalog of its own and a recovery point is complete in each by itself. A store that gives no answer is named,
and the others are believed: on the worst day one of them is down.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from include.proven.catalog import Catalog
from include.proven.catalog.points import pick
from include.proven.errors import ConfigError, ProvenError, StoreError
from include.proven.fleet import hints
from include.proven.installation import Installation

ANY = ""
"""In the place of a store's name: whichever of the database's stores fits."""
PATIENCE = 120.0
"""Seconds that a store may take for an answer. Its own retries end before; a store that hangs does not."""
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Answers(Generic[T]):
    """What a database's stores have said to one question, in the fleet's order."""

    given: dict[str, T]
    """Store → its answer."""
    silent: dict[str, ProvenError]
    """Store → why it gave none."""

    def require(self) -> Answers[T]:
        """Return these answers. Raise what the first store met if no store gave one."""
        if not self.given:
            raise next(iter(self.silent.values()))
        return self


@dataclasses.dataclass(frozen=True)
class Copies:
    """Which recovery points of a database there are, and in which of the stores that were asked."""

    database: str
    held: dict[str, list[str]]
    """Recovery point → the stores that hold it, in the fleet's order. Oldest recovery point first."""
    newest_drills: dict[str, str]
    """Store → id of the newest drill from it, empty if there was none. Stores that gave no answer are not here."""
    silent: dict[str, ProvenError]
    """Store → why it gave no answer: nobody knows what it holds."""

    def pick(self, which: str) -> str:
        """Given `latest`, `random` or an exact id, return an id. Raise ConfigError if there is no such recovery point."""
        asked = " or ".join(self.newest_drills)
        return pick(list(self.held), which, database=self.database, place=f"store {asked}")

    def next_to_drill(self, recovery_point: str) -> str:
        """Return the store that a recovery point should be drilled from: of those that hold it, the one drilled longest ago.

        So scheduled drills go round the stores, and no copy is never tried.
        """
        return min(self.held[recovery_point], key=lambda store: self.newest_drills[store])

    def lacking(self) -> dict[str, list[str]]:
        """Return, for each store that lacks any, the recovery points that it should hold and does not, oldest first.

        What is older than the oldest that a store holds is not lacking there: the store may be new, or let old ones expire.
        A store that holds none lacks the newest only.
        """
        found: dict[str, list[str]] = {}
        for store in self.newest_drills:
            oldest = next((point for point, stores in self.held.items() if store in stores), max(self.held, default=""))
            missing = [point for point, stores in self.held.items() if store not in stores and point >= oldest]
            if missing:
                found[store] = missing
        return found


def give_to_first(stores: Iterable[str], give: Callable[[str], None]) -> None:
    """Give something to the first store that takes it. Raise the first store's error if none does."""
    failures: list[ProvenError] = []
    for store in stores:
        try:
            give(store)
        except ProvenError as error:
            failures.append(error)
        else:
            return
    raise failures[0]


def survey(installation: Installation, database: str, store: str = ANY) -> Copies:
    """Ask all stores of a database what they hold, or only one. Raise ConfigError if `store` is none of them.

    Raise ProvenError if not a single one answers.
    """
    answers = ask(installation, database, lambda one: (one.recovery_points(database), one.newest_drill(database)), store)
    given = answers.require().given
    points = sorted(set(itertools.chain.from_iterable(points for points, _ in given.values())))
    held = {point: [name for name, (points, _) in given.items() if point in points] for point in points}
    return Copies(database, held, {name: drill for name, (_, drill) in given.items()}, answers.silent)


def choose(installation: Installation, database: str, which: str, store: str = ANY) -> tuple[str, str]:
    """Given `latest`, `random` or an exact id, return a recovery point and the store to drill it from (`next_to_drill`).

    With a store named, only that one is asked. Raise ConfigError if there is no such recovery point, or no such store.
    """
    found = survey(installation, database, store)
    recovery_point = found.pick(which)
    return recovery_point, found.next_to_drill(recovery_point)


def find_drill(installation: Installation, database: str, drill: str) -> tuple[str, str] | None:
    """Return the recovery point and the store in which a drill has left a verdict or evidence; None if it has left nothing.

    Raise ProvenError if no store answers.
    """
    answers = ask(installation, database, lambda one: one.find_drill(database, drill)).require()
    return next(((point, store) for store, point in answers.given.items() if point), None)


def require_store(installation: Installation, database: str, store: str) -> str:
    """Return the name of one of a database's stores. Raise ConfigError, with a suggestion, if it is none of them."""
    known = installation.stores_of(database)
    if store not in known:
        hint = hints.suggest(store, known, noun=f"stores of {database}")
        raise ConfigError(f"{store!r} is no store of database {database}", hint=hint)
    return store


def ask(
    installation: Installation,
    database: str,
    question: Callable[[Catalog], T],
    store: str = ANY,
    *,
    patience: float = PATIENCE,
) -> Answers[T]:
    """Ask the catalogs of all stores of a database at the same time, or only one, and return what each has said.

    A store's ProvenError is its answer, and so is silence for longer than `patience` seconds; any other exception is raised.
    """
    names = [require_store(installation, database, store)] if store else installation.stores_of(database)
    questions: dict[str, Callable[[], T]] = {}
    met: dict[str, T | Exception] = {}
    for name in names:
        try:
            questions[name] = functools.partial(question, installation.catalog(database, name))
        except ProvenError as error:
            met[name] = error
    met |= _ask_at_once(questions, patience)
    given: dict[str, T] = {}
    silent: dict[str, ProvenError] = {}
    for name in names:
        found = met.get(name, StoreError(f"store {name} gave no answer within {patience:g} s"))
        if isinstance(found, ProvenError):
            silent[name] = found
        elif isinstance(found, Exception):
            raise found
        else:
            given[name] = found
    return Answers(given, silent)


def _ask_at_once(questions: Mapping[str, Callable[[], T]], patience: float) -> dict[str, T | Exception]:
    """Return what came of each question within `patience` seconds."""
    met: dict[str, T | Exception] = {}

    def ask_one(name: str, question: Callable[[], T]) -> None:
        try:
            met[name] = question()
        except Exception as error:
            met[name] = error

    # daemons: a store that hangs can't be interrupted, and must not keep the process either
    threads = [threading.Thread(target=ask_one, args=item, daemon=True) for item in questions.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(met)
