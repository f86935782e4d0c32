"""What the report of a period is made of: of every database of the fleet what was promised, drilled and proven."""

from __future__ import annotations

import collections
import datetime

from include.proven.manifest import Record
from include.proven.proof.verdict import Outcome
from include.proven.reports.measures import AGE, TIME, Measure


class DrillLine(Record):
    """One drill that has a verdict."""

    drill: str
    recovery_point: str
    store: str
    sandbox: str
    outcome: Outcome
    reason: str
    started_at: datetime.datetime
    snapshot_at: datetime.datetime | None
    measured_rto_seconds: float | None
    data_age_seconds: float | None
    triggered_by: str
    warnings: list[str] = []
    sha256: str
    """Of the verdict's JSON."""


class DatabaseLine(Record):
    """One database of the fleet in the period."""

    name: str
    owner: str
    engine: str
    schedule: str | None
    stores: list[str]
    rpo_seconds: float
    rto_seconds: float
    recovery_points: int
    """Taken in the period."""
    newest_point: str
    """Empty if there is none."""
    newest_snapshot_at: datetime.datetime | None
    newest_stored_bytes: int | None = None
    """Of its artifacts, as they lie in a store; None where there is none, or its manifest can't be trusted."""
    newest_reused_bytes: int | None = None
    """Of those that earlier recovery points have sent."""
    newest_plain_bytes: int | None = None
    """Likewise, before compression."""
    newest_backup_seconds: float | None = None
    """What it took."""
    held_by: list[str]
    """Stores that hold the newest."""
    removed: int = 0
    """Recovery points that retention has removed in the period, from any store."""
    freed_bytes: int = 0
    """What that has given back, in all stores together."""
    points_held: dict[str, int] = {}
    """Store → how many recovery points it holds, of the period and before. Stores that gave no answer are not here."""
    newest: DrillLine | None
    """The newest drill that has a verdict, in the period or before it."""
    newest_proven: DrillLine | None
    """Of those that ended proven, the newest one of the newest recovery point."""
    newest_way: DrillLine | None = None
    """The newest drill that has proven a way by the binary log, which is on no copy."""
    drills: list[DrillLine]
    """Of the period, newest first."""
    unfinished: list[str]
    """Ids of drills of the period that have left evidence and no verdict: they run, or were killed."""
    problems: list[str]
    """What could not be read or trusted, a sentence each."""

    @property
    def outcomes(self) -> dict[str, int]:
        """Return how many drills of the period ended in each way."""
        counted = collections.Counter(line.outcome for line in self.drills)
        return {outcome: counted[outcome] for outcome in ("proven", "refuted", "unproven")}


class PeriodDocument(Record):
    """The report of a period."""

    since: datetime.datetime
    drawn_at: datetime.datetime
    """The end of the period."""
    drawn_by: str
    signer: str
    """Fingerprint of the key whose signature every record carries."""
    databases: list[DatabaseLine]

    def measures(self, line: DatabaseLine) -> list[Measure]:
        """Return a database's objectives, and what its newest proven drill says of them by the end of the period."""
        proven = line.newest_proven
        age = None
        if proven and proven.data_age_seconds is not None:
            age = proven.data_age_seconds + (self.drawn_at - proven.started_at).total_seconds()
        rto = proven.measured_rto_seconds if proven else None
        return [
            Measure(AGE, "Age of the newest proven data.", age, line.rpo_seconds),
            Measure(TIME, "As the newest proven drill has measured it.", rto, line.rto_seconds),
        ]
