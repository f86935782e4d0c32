"""An incident: all that was noticed and told under one key until it is resolved. Its state is a fold over its events."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from include.proven import ids
from include.proven.catalog.pages import EventName, EventType, PageEvent, component, tag_of
from include.proven.errors import ProvenError
from include.proven.pages.page import Page

IN_FLIGHT = datetime.timedelta(minutes=2)
"""Whoever has said that it tells somebody is at it for no longer than that; then it was killed, and others may."""
NOTICES = ("opened", "noticed")
RESOLUTION = "resolution"
NOT_KNOWN = "whoever was to tell it was ended before"


class Missing(NamedTuple):
    """A route that still has to be told."""

    tag: str
    """Of the event that it has to be told of."""
    reason: str
    """Why it was not."""


@dataclasses.dataclass(frozen=True)
class Incident:
    """One incident, from its opening to its end. Pages of the same key that come after that are another."""

    id: str
    names: Sequence[EventName]
    """Of all events, oldest first."""
    events: Sequence[PageEvent]
    """Those that its state follows from (`needed`), oldest first; a notice is among them."""

    @property
    def page(self) -> Page:
        """The newest page."""
        return next(event.page for event in reversed(self.events) if event.page)

    @property
    def database(self) -> str:
        """The database, or `fleet.pages.FLEET`."""
        return self.page.database

    @property
    def key(self) -> str:
        """The page's key."""
        return self.page.key

    @property
    def run_id(self) -> str:
        """The run that has noticed it last."""
        return self.page.run_id

    @property
    def opened_at(self) -> datetime.datetime:
        """When it was noticed first."""
        return next((name.at for name in self.names if name.type == "opened"), ids.started_at(self.id))

    @property
    def noticed_at(self) -> datetime.datetime:
        """When a run has noticed it last."""
        return max(name.at for name in self.names if name.type in NOTICES)

    @property
    def acknowledged_by(self) -> str:
        """Who has acknowledged it; empty: nobody."""
        return next((event.by for event in self.events if event.type == "acknowledged"), "")

    @property
    def gone_since(self) -> datetime.datetime | None:
        """Since when it is answered, and its resolution held back for it may come again; None if it is not."""
        gone = max((name.at for name in self.names if name.type == "gone"), default=None)
        return gone if gone and gone > self.noticed_at else None

    @property
    def resolved(self) -> bool:
        """It is over, though not everyone may have heard of that."""
        return any(name.type in ("resolved", "closed") for name in self.names)

    @property
    def closed(self) -> bool:
        """It is over, and whoever must have heard of that has."""
        return any(name.type == "closed" for name in self.names)

    @property
    def told(self) -> list[str]:
        """Routes that took any page of it."""
        before = [route for event in self.events for route in event.told_before]
        taken = [route for event in self.events if event.tag != RESOLUTION for route in event.delivered]
        return list(dict.fromkeys(before + taken))

    @property
    def addressed(self) -> list[str]:
        """Routes that were told any page of it, or have to be."""
        wanted = [route for event in self.events if event.type != "resolved" for route in event.to]
        return list(dict.fromkeys(self.told + wanted))

    @property
    def perhaps_told(self) -> list[str]:
        """Routes that took a page of it, or may have taken one: nobody has said that they did not."""
        refused = {route for event in self.events if event.tag != RESOLUTION for route in event.failed} - set(self.told)
        return [route for route in self.addressed if route not in refused]

    @property
    def not_told_of_its_end(self) -> list[str]:
        """Routes that must hear that it is over, and have not."""
        heard = {route for event in self.events if event.tag == RESOLUTION for route in event.delivered}
        return [route for event in self.events if event.type == "resolved" for route in event.to if route not in heard]

    def knows(self, run_id: str) -> bool:
        """Say whether that run has noticed it."""
        return any(name.type in NOTICES and name.tag == tag_of(run_id) for name in self.names)

    def lacking(self, now: datetime.datetime) -> dict[str, Missing]:
        """Return the routes that have not got its page, unless somebody is at it just now."""
        return self._missing([event for event in self.events if event.type in (*NOTICES, "escalated")], now)

    def unresolved(self, now: datetime.datetime) -> dict[str, Missing]:
        """Return the routes that have not heard of its end, likewise."""
        return self._missing([event for event in self.events if event.type == "resolved"], now)

    def event(self, type: EventType, tag: str, **members: Any) -> PageEvent:  # noqa: A002  # as the record names it
        """Return an event of this incident that happens now."""
        return self.events[-1].follow(type, tag, **members)

    def claims(self, now: datetime.datetime) -> list[EventName]:
        """Return the claims of those who are at it just now, the oldest first."""
        return [name for name in self.names if name.type == "trying" and abs(now - name.at) < IN_FLIGHT]

    def _missing(self, wishes: Iterable[PageEvent], now: datetime.datetime) -> dict[str, Missing]:
        wanted = {route: event for event in wishes for route in event.to}  # the newest of each
        found: dict[str, Missing] = {}
        for route, wish in wanted.items():
            outcomes = [event for event in self.events if event.type == "told" and event.tag == wish.tag]
            if any(route in outcome.delivered for outcome in outcomes):
                continue
            reason = next((outcome.failed[route] for outcome in reversed(outcomes) if route in outcome.failed), "")
            if reason or abs(now - wish.at) >= IN_FLIGHT:
                found[route] = Missing(wish.tag, reason or NOT_KNOWN)
        return found


@dataclasses.dataclass(frozen=True)
class Found:
    """What the stores have said of some incidents."""

    incidents: Sequence[Incident]
    """Oldest first."""
    starts: Sequence[EventName]
    """The first event of every incident that there ever was."""
    silent: Mapping[str, ProvenError] = dataclasses.field(default_factory=dict)
    """Store → why it gave no answer: what it alone knows is not here."""
    faults: Sequence[ProvenError] = ()
    """Why some incidents could not be read: somebody has touched them, or a store failed half-way."""

    @property
    def open(self) -> list[Incident]:
        """Those that are not resolved."""
        return [incident for incident in self.incidents if not incident.resolved]

    @property
    def doubt(self) -> str:
        """Why something may be missing here, in one line; empty if nothing is."""
        return "; ".join(error.what for error in (*self.silent.values(), *self.faults))

    def of(self, key: str) -> Found:
        """Return what is about that key."""
        folder = component(key)
        incidents = [incident for incident in self.incidents if incident.key == key]
        return dataclasses.replace(self, incidents=incidents, starts=[name for name in self.starts if name.folder == folder])

    def opened_since(self, moment: datetime.datetime) -> int:
        """Return how many incidents have begun since then."""
        return len({name.incident for name in self.starts if name.at >= moment})


def opening(page: Page, to: Sequence[str]) -> PageEvent:
    """Return the first event of a new incident."""
    now = datetime.datetime.now(datetime.UTC)
    return PageEvent(
        database=page.database, key=page.key, incident=ids.new_incident(now), type="opened", at=now, tag=tag_of(page.run_id),
        page=page, to=list(to),
    )  # fmt: skip


def needed(names: Sequence[EventName]) -> list[EventName]:
    """Of the names of an incident's events, oldest first, return those that its state follows from.

    A newer notice stands for those before it, so that what fails every hour for a week is not read a hundred times over.
    """
    tags = [name.tag for name in names if name.type in NOTICES]
    superseded = set(tags[:-1]) - set(tags[-1:])
    return [name for name in names if name.type != "trying" and (name.type, name.tag) not in _of_notices(superseded)]


def assemble(names: Iterable[EventName], events: Iterable[PageEvent]) -> Incident | None:
    """Return the incident of these events, or None if its notice is not among them: it lies in a store that gives no answer."""
    read = sorted(events, key=lambda event: event.name)
    known = sorted(names)
    if not known or not any(event.page for event in read):
        return None
    return Incident(known[0].incident, known, read)


def _of_notices(tags: set[str]) -> set[tuple[str, str]]:
    return {(kind, tag) for tag in tags for kind in (*NOTICES, "told")}
