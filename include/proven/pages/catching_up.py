"""Catches up with what has not reached anybody yet: pages that a route did not take, escalations, resolutions held back.

Whoever looks regularly calls it: the watch, in Airflow and out of it. It finds all that it needs in the ledger.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import random
from collections.abc import Callable, Iterable, Iterator

from include.proven import copies
from include.proven.installation import Installation
from include.proven.pages import delivery, routing
from include.proven.pages.careful import Careful
from include.proven.pages.incident import Found, Incident, Missing
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.posting import Told

OWN_KIND = "page-undelivered"
MOST_FAILURES = 3
"""Messages that a route may refuse; then it is left alone until the next time. A dead one takes up to 30 s for each."""


@dataclasses.dataclass(frozen=True)
class Undelivered:
    """Something that a route has not taken yet."""

    incident: Incident
    route: str
    reason: str
    """Why not."""

    def __str__(self) -> str:
        what = "its end" if self.incident.resolved else "the page"
        return f"{self.incident.database}/{self.incident.key}: {self.route} has not got {what}: {self.reason}"


@dataclasses.dataclass
class CaughtUp:
    """What was done, and what is still missing."""

    delivered: list[str] = dataclasses.field(default_factory=list)
    """One line for each message that a route took now: `shop/backup-failed: oncall`."""
    escalated: list[str] = dataclasses.field(default_factory=list)
    """Likewise, for each route that hears of a page because nobody has acknowledged it."""
    undelivered: list[str] = dataclasses.field(default_factory=list)
    """One line for each message that is still pending, and for each reason why that can't be known."""


def catch_up(installation: Installation, *, now: datetime.datetime, databases: Iterable[str] | None = None) -> CaughtUp:
    """Deliver what is missing to the routes that lack it, escalate what nobody has acknowledged, send resolutions that are due.

    `databases` (and `fleet.pages.FLEET`): those that may have any; unset, all are looked at. Raise ProvenError if no store
    answers.
    """
    caught = CaughtUp()
    ledger = StoreLedger(installation, copies.PATIENCE)
    found = ledger.survey(databases)
    attempt = _Attempt(installation, Careful(ledger), now, caught)
    groups: dict[tuple[str, str], list[Incident]] = collections.defaultdict(list)
    for incident in found.incidents:
        groups[incident.database, incident.key].append(incident)
    # in any order, so that nothing waits for ever behind messages that a route always refuses
    for incidents in random.sample(list(groups.values()), len(groups)):
        attempt.catch_up(incidents)
    after = ledger.survey({database for database, _ in groups}) if groups else found
    caught.undelivered += [str(one) for one in _pending(installation, after, now)]
    caught.undelivered += [error.what for error in (*found.silent.values(), *found.faults)]
    caught.undelivered += [fault for fault in [attempt.careful.fault] if fault]
    return caught


def undelivered(installation: Installation, *, now: datetime.datetime) -> list[Undelivered]:
    """Return what routes have not taken yet, oldest first; pages about just that are left out, or they would never end.

    Raise ProvenError if a store gives no answer, or something in it can't be trusted: nobody knows what is pending there.
    """
    found = StoreLedger(installation, copies.PATIENCE).survey()
    for error in (*found.silent.values(), *found.faults):
        raise error
    return [one for one in _pending(installation, found, now) if one.incident.page.kind != OWN_KIND]


@dataclasses.dataclass
class _Attempt:
    """One attempt to bring everybody up to date."""

    installation: Installation
    careful: Careful
    now: datetime.datetime
    caught: CaughtUp
    refused: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Route → messages that it did not take."""

    def catch_up(self, incidents: list[Incident]) -> None:
        """Do what is due for one key."""
        fleet = self.installation.fleet
        current = [incident for incident in incidents if not incident.resolved]
        for over in [incident for incident in incidents if incident.resolved]:
            if current:
                # it has come again: who still waits for the end of the last one would take that for the end of this one
                self.careful.append(over.event("closed", "superseded"))
            else:
                self._tell(over, delivery.resolve_missing)
        if not current:
            return
        newest = max(current, key=lambda incident: incident.noticed_at)
        if newest.gone_since is None:
            self._escalate(newest)
            self._tell(newest, delivery.deliver_missing)
        elif self.now - newest.gone_since >= fleet.pages.settle:
            self._count(newest, delivery.end_settled(fleet, current, self.careful), self.caught.delivered)

    def _escalate(self, incident: Incident) -> None:
        """Tell those besides whose turn has come, each once."""
        fleet, page = self.installation.fleet, incident.page
        if incident.acknowledged_by:
            return
        due = [
            route
            for stage in routing.find_routing(fleet, page).escalate
            if self.now - incident.opened_at >= stage.after
            for route in stage.contacts
        ]
        if not set(due) <= set(incident.addressed):
            self._count(incident, delivery.escalate(fleet, incident, due, self.careful), self.caught.escalated)

    def _tell(self, incident: Incident, deliver: Callable[..., Told]) -> None:
        tired = [route for route, count in self.refused.items() if count >= MOST_FAILURES]
        told = deliver(self.installation.fleet, incident, self.careful, now=self.now, skip=tired)
        self._count(incident, told, self.caught.delivered)

    def _count(self, incident: Incident, told: Told, lines: list[str]) -> None:
        lines += [f"{incident.database}/{incident.key}: {route}" for route in told.delivered]
        self.refused.update(list(told.failures))


def _pending(installation: Installation, found: Found, now: datetime.datetime) -> Iterator[Undelivered]:
    routes = installation.fleet.pages.routes
    for incident in found.incidents:
        missing: dict[str, Missing] = incident.unresolved(now) if incident.resolved else incident.lacking(now)
        if incident.gone_since is None:
            yield from (Undelivered(incident, route, why.reason) for route, why in missing.items() if route in routes)
