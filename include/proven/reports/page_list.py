"""The list of pages as `./proven pages` and Airflow's UI show it: what is open, what is over, and what nobody has got yet.

It says no more than the pages themselves did, and no secret, so that it may be handed on as JSON to where there is neither
store nor key.
"""

from __future__ import annotations

import datetime

from include.proven.fleet.pages import Severity
from include.proven.manifest import Record
from include.proven.pages.incident import Found, Incident

SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning", "info")
ENDS = ("resolved", "closed")


class PageRow(Record):
    """One incident."""

    page: str
    """`<database>/<key>`: what `./proven acknowledge` takes."""
    kind: str
    incident: str
    state: str
    """`open`; `settling`: gone, and may come again; `over, not everyone was told`; `over`."""
    severity: Severity
    opened_at: datetime.datetime
    noticed_at: datetime.datetime
    ended_at: datetime.datetime | None
    """None: it is open."""
    summary: str
    run: str
    run_url: str
    """Empty where no address of Airflow's was known."""
    next: str
    """What to type next."""
    told: list[str]
    """Routes that took it."""
    pending: dict[str, str]
    """Route that has not got it, or its end → why not."""
    acknowledged_by: str
    """Empty: nobody has."""
    twin: bool = False
    """It was opened and closed without a word: two processes had noticed the same at once, and the other has told."""


class PageList(Record):
    """All that was paged and is not over, and some of what is."""

    drawn_at: datetime.datetime
    since: datetime.datetime | None = None
    """What has ended since then stands here too."""
    pages: list[PageRow]
    """Oldest first."""
    left_out: int = 0
    """How many of those that are over are not here."""
    faults: list[str]
    """Why something may be missing, or be wrong."""

    @property
    def open(self) -> list[PageRow]:
        """What is not over: the most urgent first, then the oldest."""
        return sorted((row for row in self.pages if not row.ended_at), key=lambda row: SEVERITIES.index(row.severity))

    @property
    def over(self) -> list[PageRow]:
        """What is, the newest end first, without twins."""
        ended = [(row.ended_at, row) for row in self.pages if row.ended_at and not row.twin]
        return [row for _, row in sorted(ended, key=lambda pair: pair[0], reverse=True)]

    @property
    def pending(self) -> list[PageRow]:
        """What has not reached somebody, or whose end has not."""
        return [row for row in self.pages if row.pending]

    def shorten(self, most: int) -> PageList:
        """Return the list with the newest `most` of those that are over; what is open or pending stays."""
        gone = {row.incident for row in self.over[most:] if not row.pending}
        kept = [row for row in self.pages if row.incident not in gone and not row.twin]
        return self.model_copy(update={"pages": kept, "left_out": len(gone)})


def tabulate(found: Found, now: datetime.datetime, since: datetime.datetime | None = None) -> PageList:
    """Given what the ledger has said, return it as a list."""
    rows = [_row(incident, now) for incident in found.incidents]
    faults = [f"store {store} gives no answer: {error.what}" for store, error in found.silent.items()]
    return PageList(drawn_at=now, since=since, pages=rows, faults=faults + [error.what for error in found.faults])


def ended_at(incident: Incident) -> datetime.datetime | None:
    """Return when an incident was over; None if it is not."""
    return min((name.at for name in incident.names if name.type in ENDS), default=None)


def is_twin(incident: Incident) -> bool:
    """Say whether it is over, and nobody was told of it (`PageRow.twin`)."""
    return incident.resolved and not any(name.type == "told" for name in incident.names)


def _row(incident: Incident, now: datetime.datetime) -> PageRow:
    page = incident.page
    missing = incident.unresolved(now) if incident.resolved else incident.lacking(now)
    return PageRow(
        page=f"{page.database}/{page.key}",
        kind=page.kind,
        incident=incident.id,
        state=_state(incident),
        severity=page.urgency,
        opened_at=incident.opened_at,
        noticed_at=incident.noticed_at,
        ended_at=ended_at(incident),
        summary=page.headline,
        run=page.run_id,
        run_url=page.run_url,
        next=page.next_command,
        told=incident.told,
        pending={} if incident.closed or incident.gone_since else {route: why.reason for route, why in missing.items()},
        acknowledged_by=incident.acknowledged_by,
        twin=is_twin(incident),
    )


def _state(incident: Incident) -> str:
    if incident.closed:
        return "over"
    if incident.resolved:
        return "over, not everyone was told"
    return "settling" if incident.gone_since else "open"
