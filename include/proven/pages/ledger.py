"""The ledger of pages in the stores of a database, beside its recovery points: it outlives Airflow and its database.

An event is recorded in the first store that takes it, and the events of all stores that answer count: while one store is down
no page is doubled or hidden. It is the log of what was told and what was not, and the outbox of what still has to be.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence

from include.proven import copies
from include.proven.catalog import Catalog
from include.proven.catalog.at_once import open_pool
from include.proven.catalog.pages import EventName, PageEvent, component, tag_of
from include.proven.errors import ProvenError
from include.proven.fleet.pages import FLEET
from include.proven.installation import Installation
from include.proven.pages import careful
from include.proven.pages.incident import Found, Incident, assemble, needed

EVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)
PATIENCE = 0.8 * careful.LEDGER_PATIENCE
"""Seconds that one store may take, so that another's answer is heard in the time that a page has for the ledger."""


@dataclasses.dataclass(frozen=True)
class StoreLedger:
    """`delivery.Ledger` on the catalogs. A store is opened when it is asked, so that a dead one is the ledger's fault only."""

    installation: Installation
    patience: float = PATIENCE
    """Seconds."""
    _catalogs: dict[str, Catalog] = dataclasses.field(default_factory=dict)
    """Store → its catalog, of those that gave an answer when they were asked last."""

    def find(self, database: str, keys: Sequence[str]) -> Found:
        """Return the incidents of these keys that are not closed. Raise ProvenError if no store answers."""
        only = keys[0] if len(keys) == 1 else ""
        answers = copies.ask(
            self.installation, database, lambda one: (one, one.page_events(database, only)), patience=self.patience
        )
        wanted = {component(key) for key in keys}
        given = {
            store: (one, [name for name in names if name.folder in wanted])
            for store, (one, names) in answers.require().given.items()
        }
        return self._read(given, answers.silent)

    def survey(self, databases: Iterable[str] | None = None, *, closed_since: datetime.datetime | None = None) -> Found:
        """Return the incidents of these databases, by default of all and of the fleet itself.

        Those that are closed are left out, but for those that were closed since then. Raise ProvenError if no store answers.
        """
        asked = [FLEET, *self.installation.fleet.databases] if databases is None else list(databases)

        def look(one: Catalog) -> tuple[Catalog, list[EventName]]:
            here = [name for name in asked if one.store.name in self.installation.stores_of(name)]
            with open_pool(one.store, len(here)) as pool:
                return one, one.page_events_of(here, pool)

        answers = copies.ask(self.installation, FLEET, look, patience=self.patience)
        return self._read(answers.require().given, answers.silent, closed_since)

    def append(self, event: PageEvent) -> None:
        """Record an event, in the first store that takes it. Raise ProvenError if none does."""
        stores = self.installation.stores_of(event.database)
        answering = [store for store in stores if store in self._catalogs] or stores
        copies.give_to_first(answering, lambda store: self._catalog(event.database, store).record_event(event))

    def withdraw(self, claim: PageEvent) -> None:
        """Remove a claim, in every store that may have it. Raise ProvenError if one could not be asked, after all were."""

        def withdraw(one: Catalog) -> bool:
            one.withdraw_claim(claim)
            return True

        answers = copies.ask(self.installation, claim.database, withdraw, patience=self.patience)
        if answers.silent:
            raise next(iter(answers.silent.values()))

    def open_pages(self, database: str) -> list[Incident]:
        """Return the incidents of a database that are open, oldest first. Raise ProvenError if no store answers."""
        return self.survey([database]).open

    def open_page(self, database: str, key: str) -> Incident | None:
        """Return the open incident of that key that was noticed last, or None. Raise ProvenError if no store answers."""
        return max(self.find(database, [key]).open, key=lambda incident: incident.noticed_at, default=None)

    def page_record(self, database: str, key: str) -> str | None:
        """Return the id of the run that has noticed the open page last, or None if no page of that key is open."""
        page = self.open_page(database, key)
        return page.run_id if page else None

    def note_run(self, incident: Incident, run_id: str) -> None:
        """Record that another run has noticed what is open; nobody is told. Raise ProvenError if no store takes it."""
        page = dataclasses.replace(incident.page, run_id=run_id)
        still = list(incident.lacking(datetime.datetime.now(datetime.UTC)))
        self.append(incident.event("noticed", tag_of(run_id), page=page, to=still, told_before=incident.told))

    def _catalog(self, database: str, store: str) -> Catalog:
        return self._catalogs.get(store) or self.installation.catalog(database, store)

    def _read(
        self,
        given: Mapping[str, tuple[Catalog, list[EventName]]],
        silent: Mapping[str, ProvenError],
        closed_since: datetime.datetime | None = None,
    ) -> Found:
        """Read what the incidents' state follows from, each event from a store that has it."""
        for store in silent:
            self._catalogs.pop(store, None)
        self._catalogs.update({store: one for store, (one, _) in given.items()})
        places = {name: one for one, names in given.values() for name in names}
        grouped: dict[tuple[str, str, str], list[EventName]] = collections.defaultdict(list)
        for name in sorted(places):
            grouped[name[:3]].append(name)
        alive = [names for names in grouped.values() if _is_wanted(names, closed_since)]
        read = self._read_events([name for names in alive for name in needed(names)], places)
        incidents: list[Incident] = []
        faults: list[ProvenError] = []
        for names in alive:
            events = [read[name] for name in needed(names)]
            faults += [event for event in events if isinstance(event, ProvenError)]
            if not any(isinstance(event, ProvenError) for event in events):
                found = assemble(names, [event for event in events if isinstance(event, PageEvent)])
                incidents += [found] if found else []
        starts = [name for name in places if name.type == "opened"]
        return Found(sorted(incidents, key=lambda incident: incident.opened_at), starts, dict(silent), faults)

    def _read_events(
        self, names: Sequence[EventName], places: Mapping[EventName, Catalog]
    ) -> dict[EventName, PageEvent | ProvenError]:
        """Read events, many at once. A store that fails meanwhile is a fault of each that was to come from it."""
        read: dict[EventName, PageEvent | ProvenError] = {}
        for one in {id(places[name]): places[name] for name in names}.values():
            here = [name for name in names if places[name] is one]
            try:
                with open_pool(one.store, len(here)) as pool:
                    read |= one.read_events(here, pool)
            except ProvenError as error:
                read |= dict.fromkeys(here, error)
        return read


def _is_wanted(names: Sequence[EventName], closed_since: datetime.datetime | None) -> bool:
    ends = [name.at for name in names if name.type == "closed"]
    return not ends or (closed_since is not None and max(ends) >= closed_since)
