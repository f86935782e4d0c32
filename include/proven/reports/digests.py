"""What the digest says: of every database whether it is proven, what was done for it, and what was paged, as text."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Sequence

from include.proven.fleet import schedule
from include.proven.fleet.pages import Severity
from include.proven.progress import format_bytes, format_seconds
from include.proven.reports import facts
from include.proven.reports.measures import Measure
from include.proven.reports.periods import DatabaseLine

MOST_NAMED = 3
"""Databases in the first sentence: the list below it has all."""
MOST_IN_TEXT = 50
"""Databases of which the text tells more than the first sentence does: it goes to chats, too. The HTML has all."""
MOST_WARNINGS = 5
OUTCOMES = {"refuted": "newest drill refuted", "unproven": "newest drill could not be tried"}


@dataclasses.dataclass(frozen=True)
class PageLine:
    """One page that was sent in the period, or is open still."""

    key: str
    """Its kind, or its kind and what it is about."""
    summary: str
    urgency: Severity
    sent_at: datetime.datetime
    resolved_at: datetime.datetime | None
    """None: it is open."""

    @property
    def said(self) -> str:
        """The page in one line: `drill-refuted on 2026-11-17 03:12 UTC, resolved after 2 h 05 min: table orders differs`."""
        begun = f"{self.key} on {self.sent_at.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"
        if self.resolved_at is None:
            return f"{begun}, still open: {self.summary}"
        lasted = format_seconds((self.resolved_at - self.sent_at).total_seconds())
        return f"{begun}, resolved after {lasted}: {self.summary}"


@dataclasses.dataclass(frozen=True)
class DatabaseNews:
    """One database in the digest."""

    line: DatabaseLine
    age: Measure
    """Of its newest proven data, against the RPO."""
    recovery: Measure
    """As its newest proven drill has measured it, against the RTO."""
    pages: Sequence[PageLine] = ()

    @property
    def faults(self) -> list[str]:
        """Why it is not in order, a few words each, the worst first; nothing where it is."""
        found = []
        if self.line.newest is None:
            found.append("never drilled" if self.line.newest_point else "never backed up")
        elif self.line.newest.outcome != "proven":
            found.append(OUTCOMES[self.line.newest.outcome])
        if self.line.newest and self.age.status != "met":
            found.append("its proof is older than promised" if self.line.newest_proven else "never proven")
        if self.recovery.status == "not met":
            found.append("its restore takes longer than promised")
        if self.line.problems:
            found.append("records that can't be read or trusted")
        return found

    @property
    def warnings(self) -> list[str]:
        """What the drills of the period warn of, the newest first, each once."""
        return list(dict.fromkeys(warning for drill in self.line.drills for warning in drill.warnings))

    @property
    def measured(self) -> str:
        """What is proven, against what was promised: `data 3 h 10 min old (26h promised), restored in 41 s (1h promised)`."""
        age, recovery = self.age, self.recovery
        data = f"data {format_seconds(age.measured)} old" if age.measured is not None else "no proven data"
        said = f"{data} ({_promise(age)} promised)"
        if recovery.measured is None:
            return said
        return f"{said}, restored in {format_seconds(recovery.measured)} ({_promise(recovery)} promised)"

    @property
    def done(self) -> str:
        """What was done: `7 backups, the newest 1.3 GB; 7 drills: 6 proven, 1 unproven; removed 5, freed 6 MB`."""
        backups = facts.count(self.line.recovery_points, "backup")
        size = f", the newest {format_bytes(self.line.newest_stored_bytes)}" if self.line.newest_stored_bytes else ""
        drills = facts.count(len(self.line.drills), "drill")
        ended = ", ".join(f"{number} {outcome}" for outcome, number in self.line.outcomes.items() if number)
        removed = f"; removed {self.line.removed}, freed {format_bytes(self.line.freed_bytes)}" if self.line.removed else ""
        return f"{backups}{size}; {drills}{f': {ended}' if ended else ''}{removed}"


@dataclasses.dataclass(frozen=True)
class Digest:
    """All that there is to say about a period."""

    since: datetime.datetime
    until: datetime.datetime
    databases: Sequence[DatabaseNews]
    """What is not in order first, then by name."""
    pages: Sequence[PageLine] = ()
    """Those about no database."""
    silent: Sequence[str] = ()
    """Why what was paged could not be read, a sentence each."""

    @property
    def headline(self) -> str:
        """All in one sentence: `All 12 databases are proven; the oldest proof is 9 h 05 min old.`"""
        bad = [news for news in self.databases if news.faults]
        total = len(self.databases)
        if bad and total == 1:
            return f"The database {bad[0].line.name} is not in order: {bad[0].faults[0]}."
        if bad:
            good = "1 database is" if total - len(bad) == 1 else f"{total - len(bad):,} databases are"
            named = ", ".join(f"{news.line.name} ({news.faults[0]})" for news in bad[:MOST_NAMED])
            more = f" and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
            return f"Of {total:,}, {good} in order; look at {named}{more}."
        oldest = format_seconds(max(news.age.measured or 0.0 for news in self.databases))
        if total == 1:
            return f"The database {self.databases[0].line.name} is proven; its proof is {oldest} old."
        return f"All {total:,} databases are proven; the oldest proof is {oldest} old."

    @property
    def title(self) -> str:
        """The subject line of an e-mail."""
        return f"Backups: {self.headline.rstrip('.')}"

    @property
    def text(self) -> str:
        """All of it, for a terminal, an e-mail or a chat."""
        return "\n".join([self.headline, "", *self._body()]).rstrip() + "\n"

    def _body(self) -> Iterator[str]:
        yield f"{facts.moment(self.since)} to {facts.moment(self.until)}"
        for news in self.databases[:MOST_IN_TEXT]:
            yield ""
            yield f"{news.line.name}: {'; '.join(news.faults) or 'proven'}"
            yield f"  {news.measured}"
            yield f"  {news.done}"
            yield from (f"  paged: {page.said}" for page in news.pages)
            yield from (f"  warning: {warning}" for warning in news.warnings[:MOST_WARNINGS])
            yield from (f"  {problem}" for problem in news.line.problems[:MOST_WARNINGS])
        if (left := len(self.databases) - MOST_IN_TEXT) > 0:
            yield ""
            yield f"… and {facts.count(left, 'database')} more: `./proven report` has them."
        if self.pages or self.silent:
            yield ""
            yield from (f"paged, about no database: {page.said}" for page in self.pages)
            yield from self.silent


def arrange(databases: Sequence[DatabaseNews]) -> list[DatabaseNews]:
    """Return databases as a digest lists them: what is not in order first, then by name."""
    return sorted(databases, key=lambda news: (not news.faults, news.line.name))


def _promise(measure: Measure) -> str:
    return schedule.words(datetime.timedelta(seconds=measure.objective))
