"""Reads what was paged from the ledger in the stores: for lists of pages, the digest and the metrics."""

from __future__ import annotations

import dataclasses
import datetime

from include.proven import copies
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.pages.incident import Incident
from include.proven.pages.ledger import StoreLedger
from include.proven.reports import page_list
from include.proven.reports.digests import PageLine
from include.proven.reports.page_list import PageList


@dataclasses.dataclass(frozen=True)
class Paged:
    """What was paged, and why that may not be all."""

    pages: dict[str, list[PageLine]]
    """Database (or `fleet.pages.FLEET`) → its pages, oldest first. Without those of which nobody was told."""
    faults: list[str]
    """What could not be read or trusted, a sentence each."""


def read(installation: Installation, since: datetime.datetime | None = None) -> Paged:
    """Return the pages that were open at any time since then, or that are open now."""
    try:
        found = StoreLedger(installation, copies.PATIENCE).survey(closed_since=since)
    except ProvenError as error:
        return Paged({}, [f"What was paged can't be read: {error.what}."])
    pages: dict[str, list[PageLine]] = {}
    for incident in found.incidents:
        line = _line(incident)
        was_open = line.resolved_at is None or (since is not None and line.resolved_at >= since)
        if was_open and not page_list.is_twin(incident):
            pages.setdefault(incident.database, []).append(line)
    faults = [f"Store {store} gives no answer: {error.what}." for store, error in found.silent.items()]
    return Paged(pages, faults + [f"{error.what}." for error in found.faults])


def draw_list(installation: Installation, now: datetime.datetime, since: datetime.datetime) -> PageList:
    """Return the list of all pages that are not over, or have ended since then. Where it can't be read, its faults say why."""
    try:
        found = StoreLedger(installation, copies.PATIENCE).survey(closed_since=since)
    except ProvenError as error:
        return PageList(drawn_at=now, since=since, pages=[], faults=[f"what was paged can't be read: {error.what}"])
    return page_list.tabulate(found, now, since)


def _line(incident: Incident) -> PageLine:
    page = incident.page
    return PageLine(incident.key, page.summary, page.urgency, incident.opened_at, page_list.ended_at(incident))
