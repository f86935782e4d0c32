"""The log of the pages of a database: what was noticed, who was told, what did not arrive, who has acknowledged it.

It is append-only: each event is a record of its own that is written once, so that two processes may write at the same moment.
An event's type stands in its name, so that a listing says which incidents are still alive.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import re
import socket
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import pydantic

from include.proven import ids
from include.proven.catalog import listing
from include.proven.catalog.at_once import Pool, map_at_once
from include.proven.catalog.records import SignedRecords, parse, quote, require_same
from include.proven.errors import IntegrityError, NothingStoredError, ProvenError
from include.proven.manifest import FORMAT, Record
from include.proven.pages.page import Page

EventType = Literal["opened", "noticed", "escalated", "told", "acknowledged", "gone", "resolved", "closed", "trying"]
EVENT = re.compile(r"(\d{8}T\d{12}Z)-([a-z]+)-([0-9a-z]+)\.json")
STAMP = "%Y%m%dT%H%M%S%fZ"
LONGEST_KEY = 150
"""Characters of a quoted key that name a folder as they are; file systems take 255, and a longer one is cut and hashed."""


class PageEvent(Record):
    """Something that has happened to an incident."""

    format: int = FORMAT
    database: str
    """`_fleet` where the page is about no database."""
    key: str
    incident: str
    type: EventType
    """`opened` and `noticed` (by another run): somebody must be told of `page`. `escalated`: others must, too. `told`: what
    came of it. `gone`: answered, but it has come and gone before, so the resolution waits. `resolved`: whoever was told must
    hear of that. `closed`: all have. `trying`: no event but a claim, removed when the attempt is over."""
    at: datetime.datetime
    tag: str
    """Of what has to be told, and again of the event that says what came of it: `tag_of(run)`, `resolution`, or random."""
    host: str = pydantic.Field(default_factory=socket.gethostname)
    """That wrote it."""
    page: Page | None = None
    to: list[str] = []
    """Routes that have to be told."""
    told_before: list[str] = []
    """Routes that the incident's earlier events have been delivered on: whoever reads this one needs none of them."""
    delivered: list[str] = []
    """Routes that took it."""
    failed: dict[str, str] = {}
    """Route → why it did not take it."""
    by: str = ""
    """Person who has acknowledged it."""

    @property
    def name(self) -> EventName:
        """Its place in the log."""
        stamp = self.at.astimezone(datetime.UTC).strftime(STAMP)
        return EventName(self.database, component(self.key), self.incident, stamp, self.type, self.tag)

    def follow(self, type: EventType, tag: str, **members: Any) -> PageEvent:  # noqa: A002  # as the record names it
        """Return another event of the same incident, that happens now."""
        now = datetime.datetime.now(datetime.UTC)
        return PageEvent(database=self.database, key=self.key, incident=self.incident, type=type, tag=tag, at=now, **members)


class EventName(NamedTuple):
    """What the name of an event says. Those of one database and key sort by incident and time."""

    database: str
    folder: str
    """The key, as `component` writes it."""
    incident: str
    stamp: str
    type: str
    tag: str

    @property
    def path(self) -> str:
        """Key of the record in the store."""
        return f"{self.database}/pages/{self.folder}/{self.incident}/{self.stamp}-{self.type}-{self.tag}.json"

    @property
    def at(self) -> datetime.datetime:
        """When it was."""
        return datetime.datetime.strptime(self.stamp, STAMP).replace(tzinfo=datetime.UTC)


class PageLog(SignedRecords):
    """The events of all pages."""

    def page_events(self, database: str, key: str = "") -> list[EventName]:
        """Return the names of all events of a database's pages, or of those of one key, sorted. No signature is looked at."""
        folder = f"{database}/pages/{component(key)}" if key else f"{database}/pages"
        try:
            return sorted(name for stored in self.store.list_objects(folder) if (name := parse_name(stored.key)))
        except NothingStoredError:
            return []

    def page_events_of(self, databases: Iterable[str], pool: Pool = None) -> list[EventName]:
        """Return the names of all events of the pages of many databases; with a pool by as few requests as may be."""
        asked = list(databases)
        if listing.is_worthwhile(self.store, asked, pool, if_unknown=False):
            listed = itertools.chain.from_iterable(listing.list_whole(self.store, asked, pool, _is_of_page).values())
            return [name for stored in listed if (name := parse_name(stored.key))]
        return list(itertools.chain.from_iterable(map_at_once(pool, self.page_events, asked)))

    def read_events(self, names: Sequence[EventName], pool: Pool = None) -> dict[EventName, PageEvent | ProvenError]:
        """Return many events, or for each that can't be trusted why; by far fewer runs of gpg than one by one."""
        contents = self._read_all([name.path for name in names], pool)
        return {name: _as_event(name, contents[name.path], self.store.name) for name in names}

    def record_event(self, event: PageEvent) -> None:
        """Sign and write an event."""
        self._put(event.name.path, event)

    def withdraw_claim(self, claim: PageEvent) -> None:
        """Remove a claim (`trying`): the attempt is over."""
        if claim.type != "trying":
            raise ValueError("only claims are removed")
        self._delete(claim.name.path)

    def remove_events(self, names: Iterable[EventName], pool: Pool = None) -> None:
        """Remove events of incidents that were over long ago (`pages.pruning`, which says in which order)."""
        map_at_once(pool, lambda name: self._delete(name.path), names)


def _as_event(name: EventName, content: bytes | IntegrityError | None, store: str) -> PageEvent | ProvenError:
    if content is None:
        return IntegrityError(f"record {name.path} is missing from store {store}")
    try:
        return content if isinstance(content, IntegrityError) else _verified(name, content)
    except ProvenError as error:
        return error


def _verified(name: EventName, content: bytes) -> PageEvent:
    event = parse(name.path, content, PageEvent)
    require_same(name.path, event.name.path, name.path)
    return event


def _is_of_page(key: str) -> bool:
    return key.partition("/")[2].startswith("pages/")


def parse_name(path: str) -> EventName | None:
    """Given the key of an object, return the name of the event that it is, or None if it is something else."""
    database, pages, folder, incident, file = (*path.split("/"), *[""] * 5)[:5]
    found = EVENT.fullmatch(file)
    if pages != "pages" or not found or not ids.INCIDENT.fullmatch(incident) or path.count("/") != 4:
        return None
    return EventName(database, folder, incident, *found.groups())


def tag_of(run_id: str) -> str:
    """Return the tag of what a run has noticed: 16 hex digits."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:16]


def component(key: str) -> str:
    """Return a page's key as one component of an object's key."""
    quoted = quote(key)
    if len(quoted) <= LONGEST_KEY:
        return quoted
    return f"{quoted[: LONGEST_KEY - 17]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
