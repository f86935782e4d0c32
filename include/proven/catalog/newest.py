"""What is newest: of many databases at once, the newest recovery point and the newest one that a drill has proven.

Databases are listed by as few requests as may be (`listing`), what was verified before is remembered (`verified`), and other
signatures are verified many by one run of gpg. So a thousand databases take seconds, however many recovery points they have.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from include.proven import errors, ids
from include.proven.catalog import listing
from include.proven.catalog.at_once import Pool, map_at_once
from include.proven.catalog.drills import VERDICT, Drills
from include.proven.catalog.records import Signed
from include.proven.catalog.verified import Checksums, Said, VerifiedVerdicts
from include.proven.encryption.keyring import Keyring
from include.proven.manifest import Stage
from include.proven.stores.contract import Store, StoredObject

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
    listed: Checksums
    """As the store lists them now; empty where it lists none."""


class NewestProofs(Drills):
    """Finds what is newest in one store."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        super().__init__(store, keyring)
        self.verified = VerifiedVerdicts(store, keyring)

    def newest(self, databases: Iterable[str], now: datetime.datetime, pool: Pool = None) -> dict[str, Newest]:
        """Return what is newest of each database, with a pool many read at once. Raise StoreError if it can't be read."""
        found = {database: Newest() for database in databases}
        listed = listing.newest_first(self.store, list(found), pool)
        walks = {database: _walk(database, listed[database], now, newest) for database, newest in found.items()}
        looked_at, share = 0, 1
        while walks and looked_at < MOST:
            share = min(share, MOST - looked_at)
            read = functools.partial(_take, share)
            batches = dict(zip(walks, map_at_once(pool, read, walks.values()), strict=True))
            self._judge([candidate for batch in batches.values() for candidate in batch], found, pool)
            walks = {name: walks[name] for name, batch in batches.items() if len(batch) == share and not found[name].proof}
            looked_at, share = looked_at + share, share * FACTOR
        self.verified.keep(now)
        return found

    def oldest(self, database: str) -> str:
        """Return the oldest recovery point of a database, or an empty string. Raise StoreError. No signature is looked at."""
        try:
            return next(iter(self.recovery_points(database)), "")
        except errors.NothingStoredError:
            return ""

    def _judge(self, candidates: list[_Candidate], found: Mapping[str, Newest], pool: Pool) -> None:
        """Note of each database the newest of these verdicts that is proven, and newer ones that can't be trusted."""
        known = self.verified.find({candidate.key: candidate.listed for candidate in candidates if candidate.listed.verdict})
        read = self._read_signed(list(_to_read(candidates, known)), pool)
        for candidate in candidates:
            newest = found[candidate.database]
            if newest.proof:
                continue
            try:
                said = known.get(candidate.key) or self._interpret(candidate, read[candidate.key])
            except (errors.IntegrityError, errors.ConfigError) as error:
                newest.untrusted[candidate.key] = error.what
                continue
            if said and said.outcome == "proven":
                newest.proof = Proof(candidate.recovery_point, candidate.drill, said.as_of, said.rto_seconds, said.recovery)

    def _interpret(self, candidate: _Candidate, read: Signed | errors.IntegrityError | None) -> Said | None:
        """Return what a verdict says, None if it is gone. Raise IntegrityError or ConfigError as `verdict` does."""
        if isinstance(read, errors.IntegrityError):
            raise read
        if read is None:
            return None
        verdict = self._as_verdict(candidate.key, read.content, *candidate[:3])
        return self.verified.learn(candidate.key, read, candidate.listed, verdict)


def _walk(database: str, listed: Iterator[StoredObject], now: datetime.datetime, newest: Newest) -> Iterator[_Candidate]:
    """Yield the verdicts on recovery points that exist, of the newest first; note the newest, and what can't be one."""
    complete, last = "", StoredObject("", 0)
    try:
        for stored in listed:
            _, point, rest = (*stored.key.split("/", 2), "")[:3]
            if not ids.RECOVERY_POINT.fullmatch(point):
                continue
            if rest == "manifest.json":
                if fault := date_fault(point, now):
                    newest.untrusted[stored.key] = f"{point} is {fault}"
                    continue
                complete = point
                newest.recovery_point = newest.recovery_point or point
            elif point == complete and VERDICT.fullmatch(rest):
                drill = rest.removeprefix("drills/").removesuffix(".json")
                yield _Candidate(database, point, drill, stored.key, _checksums(stored, last))
            last = stored
    except errors.NothingStoredError:
        return


def _checksums(verdict: StoredObject, last: StoredObject) -> Checksums:
    """Return those of a verdict and of its signature, which sorts after it and so, backwards, came just before."""
    return Checksums(verdict=verdict.md5, signature=last.md5 if last.key == f"{verdict.key}.asc" else "")


def _to_read(candidates: list[_Candidate], known: Mapping[str, Said]) -> Iterator[str]:
    """Yield the keys of the verdicts that are not known, but for those behind one that is known to be a proof."""
    settled: set[str] = set()
    for candidate in candidates:
        if said := known.get(candidate.key):
            settled |= {candidate.database} if said.outcome == "proven" else set()
        elif candidate.database not in settled:
            yield candidate.key


def _take(count: int, walk: Iterator[_Candidate]) -> list[_Candidate]:
    return list(itertools.islice(walk, count))


def date_fault(point: str, now: datetime.datetime) -> str:
    """Return why that can't be when a recovery point was taken, or an empty string."""
    try:
        return "of the future" if ids.started_at(point) > now + AHEAD else ""
    except ValueError:
        return "of no date that there is"
