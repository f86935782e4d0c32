"""What a store remembers of verdicts that were verified before, so that a watch reads and verifies only those that are new.

A hint, and no proof by itself: it holds for a verdict that the store lists *now*, under the same key, with the checksums of the
very bytes that were verified. Where it is missing, broken or somebody else's, all verdicts are read again. Notes are written
once, each under a name of its own, so that two watches may write at the same moment; the newest counts.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import re
import secrets

from include.proven import __version__, ids
from include.proven.catalog.records import Signed, SignedRecords, parse
from include.proven.encryption.keyring import Keyring
from include.proven.errors import ConfigError, IntegrityError, NothingStoredError, ProvenError
from include.proven.manifest import FORMAT, Record, Stage
from include.proven.proof.verdict import Outcome, Verdict
from include.proven.stores.contract import Store

FOLDER = ".watch/verified"
NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\.json")
MOST_READ = 5
"""Notes that are read: there is one, or two where two watches have written; more were put there."""
FEW = 20
"""Verdicts that are rather read each time than looked up or remembered."""
SHARE = 0.01
"""Of what is remembered, that must have come to it before it is written again."""


class Said(Record):
    """What the watch needs of a verdict."""

    outcome: Outcome
    as_of: datetime.datetime
    """When its data was last known true; never after its id, whatever the source's clock said."""
    rto_seconds: float | None
    recovery: list[Stage]


class Checksums(Record):
    """MD5, in hex: of a verdict and of its signature."""

    verdict: str
    signature: str


class Verified(Record):
    """A verdict that was verified."""

    checksums: Checksums
    said: Said


class Note(Record):
    """What one watch has left to the next."""

    format: int = FORMAT
    proven_version: str
    """Another one may understand verdicts otherwise: what it has written does not count."""
    store: str
    """That lists them."""
    written_at: datetime.datetime
    verdicts: dict[str, Verified]
    """By their keys."""


class VerifiedVerdicts(SignedRecords):
    """The memory of one store, for one look at it."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        super().__init__(store, keyring)
        self._known: dict[str, Verified] | None = None
        self._used: dict[str, Verified] = {}
        self._learned = 0
        self._outdated: list[str] = []
        self.untrusted: dict[str, str] = {}
        """Keys of notes that can't be trusted → why. They count as if they were not there."""

    def find(self, listed: dict[str, Checksums]) -> dict[str, Said]:
        """Given what the store lists just now of verdicts, return what those said that were verified as just these bytes.

        Raise StoreError if the store can't be read.
        """
        if self._known is None and len(listed) > FEW:
            self._known = self._recall()
        known = self._known or {}
        found = {key: known[key] for key, checksums in listed.items() if key in known and known[key].checksums == checksums}
        self._used |= found
        return {key: verified.said for key, verified in found.items()}

    def learn(self, key: str, signed: Signed, listed: Checksums, verdict: Verdict) -> Said:
        """Return what a verdict says that was just verified, and remember it if the store lists these very bytes."""
        said = summarise(verdict)
        if listed == Checksums(verdict=_md5(signed.content), signature=_md5(signed.signature)):
            self._used[key] = Verified(checksums=listed, said=said)
            self._learned += 1
        return said

    def keep(self, now: datetime.datetime) -> None:
        """Write all that was used, if enough of it is new; of that nothing is written that was not looked at this time."""
        if self._learned <= max(FEW, SHARE * len(self._used)):
            return
        note = Note(
            proven_version=__version__, store=self.store.name, written_at=now, verdicts=dict(sorted(self._used.items()))
        )
        name = f"{now.astimezone(datetime.UTC).strftime(ids.STAMP)}-{secrets.token_hex(4)}.json"
        # who may only read, or has no private key here, reads all of them again the next time: no more than that is lost
        with contextlib.suppress(ProvenError):
            self._put(f"{FOLDER}/{name}", note)
            for key in self._outdated:
                self._delete(key)

    def _recall(self) -> dict[str, Verified]:
        keys = sorted(self._list(), reverse=True)[:MOST_READ]
        notes: list[Note] = []
        for key, content in self._read_all(keys, None).items():
            try:
                if isinstance(content, IntegrityError):
                    raise content
                note = parse(key, content, Note) if content is not None else None
            except IntegrityError as error:
                self.untrusted[key] = error.what
                continue
            except ConfigError:  # a newer Proven's
                note = None
            self._outdated.append(key)
            if note and note.proven_version == __version__ and note.store == self.store.name:
                notes.append(note)
        newest = max(notes, key=lambda note: note.written_at, default=None)
        return newest.verdicts if newest else {}

    def _list(self) -> list[str]:
        try:
            keys = [stored.key for stored in self.store.list_objects(FOLDER)]
        except NothingStoredError:
            return []
        return [key for key in keys if NAME.fullmatch(key.rpartition("/")[2])]


def summarise(verdict: Verdict) -> Said:
    """Return what the watch needs of a verdict."""
    as_of = ids.started_at(verdict.recovery_point)
    if verdict.data_age_seconds is not None:
        as_of = min(as_of, verdict.started_at - datetime.timedelta(seconds=verdict.data_age_seconds))
    return Said(outcome=verdict.outcome, as_of=as_of, rto_seconds=verdict.measured_rto_seconds, recovery=list(verdict.recovery))


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
