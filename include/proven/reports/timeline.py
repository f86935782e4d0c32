"""The days of a period, each with the worst that a drill of it has ended in: what a reader sees at a glance."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from include.proven.reports.periods import DatabaseLine

WORST_FIRST = ("refuted", "unproven", "proven")


class Day(NamedTuple):
    """One day (UTC)."""

    date: datetime.date
    outcome: str
    """The worst of the day; empty where no drill ended."""


def days(line: DatabaseLine, since: datetime.datetime, until: datetime.datetime) -> list[Day]:
    """Return every day of the period, oldest first."""
    seen: dict[datetime.date, set[str]] = {}
    for drill in line.drills:
        seen.setdefault(drill.started_at.astimezone(datetime.UTC).date(), set()).add(drill.outcome)
    first, last = since.astimezone(datetime.UTC).date(), until.astimezone(datetime.UTC).date()
    dates = (first + datetime.timedelta(days=number) for number in range((last - first).days + 1))
    return [Day(date, next((one for one in WORST_FIRST if one in seen.get(date, ())), "")) for date in dates]
