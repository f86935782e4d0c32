"""Reads what was paged from the ledger in the stores, for the digest and the metrics."""

from __future__ import annotations

import dataclasses
import datetime

from include.proven import copies
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.pages.incident import Incident
from include.proven.pages.ledger import StoreLedger
from include.proven.reports.digests import PageLine

ENDS = ("resolved", "closed")


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
        found = StoreLedger(installation, copies.PATIENCE).survey(closed=since is not None)
    except ProvenError as error:
        return Paged({}, [f"What was paged can't be read: {error.what}."])
    pages: dict[str, list[PageLine]] = {}
    for incident in found.incidents:
        line = _line(incident)
        was_open = line.resolved_at is None or (since is not None and line.resolved_at >= since)
        # what was opened and closed without a word is the twin of another, which two processes had noticed at once
        if was_open and (line.resolved_at is None or any(name.type == "told" for name in incident.names)):
            pages.setdefault(incident.database, []).append(line)
    faults = [f"Store {store} gives no answer: {error.what}." for store, error in found.silent.items()]
    return Paged(pages, faults + [f"{error.what}." for error in found.faults])


def _line(incident: Incident) -> PageLine:
    ended = min((name.at for name in incident.names if name.type in ENDS), default=None)
    return PageLine(incident.key, incident.page.summary, incident.page.urgency, incident.opened_at, ended)
