"""What is newest: of many databases at once, the newest recovery point and the newest one that a drill has proven.

Each database is listed from its newest object on, and no further than its newest proof; signatures are verified many by one run
of gpg. So a thousand databases take seconds, however many recovery points they have.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from include.proven import errors, ids
from include.proven.catalog.at_once import Pool, map_at_once
from include.proven.catalog.drills import VERDICT, Drills
from include.proven.manifest import Stage
from include.proven.proof.verdict import Verdict

AHEAD = datetime.timedelta(minutes=10)
"""How far clocks may disagree before something is of the future."""
MOST = 100
"""Verdicts of a database that are read at most: months of drills that proved nothing must not make each look slower."""
FACTOR = 4
"""Most databases have their proof in the first verdict; of those that have not, so many times more are read each round."""


class Proof(NamedTuple):
    """A recovery point that a drill has proven."""

    recovery_point: str
    drill: str
    as_of: datetime.datetime
    """When its data was last known true; never after its id, whatever the source's clock said."""
    rto_seconds: float | None
    """How long build and restore took."""
    recovery: list[Stage]
    """What that time went to."""


@dataclasses.dataclass
class Newest:
    """What one store holds of one database."""

    recovery_point: str = ""
    """The newest; empty if there is none. No signature is looked at."""
    proof: Proof | None = None
    untrusted: dict[str, str] = dataclasses.field(default_factory=dict)
    """Keys of newer records that can't be trusted → why. They count as if they were not there."""


class _Candidate(NamedTuple):
    database: str
    recovery_point: str
    drill: str
    key: str


class NewestProofs(Drills):
    """Finds what is newest in one store."""

    def newest(self, databases: Iterable[str], now: datetime.datetime, pool: Pool = None) -> dict[str, Newest]:
        """Return what is newest of each database, with a pool many read at once. Raise StoreError if it can't be read."""
        found = {database: Newest() for database in databases}
        walks = {database: self._walk(database, now, newest) for database, newest in found.items()}
        looked_at, share = 0, 1
        while walks and looked_at < MOST:
            share = min(share, MOST - looked_at)
            read = functools.partial(_take, share)
            batches = dict(zip(walks, map_at_once(pool, read, walks.values()), strict=True))
            self._judge([candidate for batch in batches.values() for candidate in batch], found, pool)
            walks = {name: walks[name] for name, batch in batches.items() if len(batch) == share and not found[name].proof}
            looked_at, share = looked_at + share, share * FACTOR
        return found

    def oldest(self, database: str) -> str:
        """Return the oldest recovery point of a database, or an empty string. Raise StoreError. No signature is looked at."""
        try:
            return next(iter(self.recovery_points(database)), "")
        except errors.NothingStoredError:
            return ""

    def _walk(self, database: str, now: datetime.datetime, newest: Newest) -> Iterator[_Candidate]:
        """Yield the verdicts on recovery points that exist, of the newest first; note the newest, and what can't be one."""
        complete = ""
        try:
            for stored in self.store.list_backwards(database, f"{database}/:"):  # after all digits: ids begin with a date
                _, point, rest = (*stored.key.split("/", 2), "")[:3]
                if not ids.RECOVERY_POINT.fullmatch(point):
                    continue
                if rest == "manifest.json":
                    if fault := _date_fault(point, now):
                        newest.untrusted[stored.key] = fault
                        continue
                    complete = point
                    newest.recovery_point = newest.recovery_point or point
                elif point == complete and VERDICT.fullmatch(rest):
                    yield _Candidate(database, point, rest.removeprefix("drills/").removesuffix(".json"), stored.key)
        except errors.NothingStoredError:
            return

    def _judge(self, candidates: list[_Candidate], found: Mapping[str, Newest], pool: Pool) -> None:
        """Read these verdicts, and note of each database the newest that is proven, and newer ones that can't be trusted."""
        read = self._read_all([candidate.key for candidate in candidates], pool)
        for candidate in candidates:
            newest, content = found[candidate.database], read[candidate.key]
            if newest.proof or content is None:
                continue
            try:
                if isinstance(content, errors.IntegrityError):
                    raise content
                verdict = self._as_verdict(candidate.key, content, *candidate[:3])
            except (errors.IntegrityError, errors.ConfigError) as error:
                newest.untrusted[candidate.key] = error.what
            else:
                if verdict.outcome == "proven":
                    measured = verdict.measured_rto_seconds, verdict.recovery
                    newest.proof = Proof(candidate.recovery_point, candidate.drill, _as_of(verdict), *measured)


def _take(count: int, walk: Iterator[_Candidate]) -> list[_Candidate]:
    return list(itertools.islice(walk, count))


def _as_of(verdict: Verdict) -> datetime.datetime:
    begun = ids.started_at(verdict.recovery_point)
    if verdict.data_age_seconds is None:
        return begun
    return min(begun, verdict.started_at - datetime.timedelta(seconds=verdict.data_age_seconds))


def _date_fault(point: str, now: datetime.datetime) -> str:
    """Return why that can't be when a recovery point was taken, or an empty string."""
    try:
        return f"{point} is of the future" if ids.started_at(point) > now + AHEAD else ""
    except ValueError:
        return f"{point} is of no date that there is"
