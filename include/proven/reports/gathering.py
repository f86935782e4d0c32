"""Draws the report of one drill from the store: its verdict and the manifest, both with a signature that is good."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib

import include.proven
from include.proven import copies
from include.proven.catalog.drills import CHAINS, DRILLS
from include.proven.errors import ConfigError, IntegrityError, ProvenError
from include.proven.fleet.model import DirectoryStore, S3Store, Store
from include.proven.installation import Installation
from include.proven.proof.verdict import Verdict
from include.proven.reports.documents import Contents, DrillDocument, Objectives, Signed, summarise


@dataclasses.dataclass(frozen=True)
class Choice:
    """One drill that has a verdict, and the store that keeps it."""

    drill: str
    recovery_point: str
    store: str
    folder: str
    """Of the verdict, beside its recovery point."""
    silent: dict[str, ProvenError]
    """Store → why it gave no answer: it may keep a newer one."""


def choose(
    installation: Installation, database: str, *, recovery_point: str = "", drill: str = "", store: str = copies.ANY
) -> Choice:
    """Return the newest drill of a database that has a verdict: of that recovery point, or the one of that id, if given.

    One that came by the binary log is on no copy: only its id asks for it. Raise ConfigError if there is none, ProvenError if
    no store answers.
    """
    folders = (DRILLS, CHAINS) if drill else (DRILLS,)
    answers = copies.ask(installation, database, lambda one: one.drills(database, folders), store).require()
    found = [
        Choice(entry.drill, entry.recovery_point, name, entry.folder, answers.silent)
        for name, entries in answers.given.items()
        for entry in entries
        if entry.concluded and recovery_point in ("", entry.recovery_point) and drill in ("", entry.drill)
    ]
    if not found:
        wanted = [f" {drill}" if drill else "", f" of recovery point {recovery_point}" if recovery_point else ""]
        raise ConfigError(
            f"database {database} has no drill{''.join(wanted)} with a verdict in store {' or '.join(answers.given)}",
            hint=f"`./proven drill {database}` makes one; `./proven report` shows those of the last weeks.",
        )
    return max(found, key=lambda one: one.drill)


def draw(
    installation: Installation,
    database: str,
    recovery_point: str,
    drill: str,
    store: str,
    folder: str = DRILLS,
    *,
    now: datetime.datetime | None = None,
) -> DrillDocument:
    """Return the report of a drill, whose verdict lies in that folder beside its recovery point. Raise IntegrityError if that
    can't be trusted, StoreError if it can't be read.

    A manifest that can't be trusted is what the verdict is about then: the report says so, and has no contents.
    """
    catalog = installation.catalog(database, store)
    place = f"{database}/{recovery_point}"
    found = catalog.signed_verdict(database, recovery_point, drill, folder)
    records = [_signed(installation, "verdict", f"{place}/{folder}/{drill}.json", found.content, found.signature)]
    contents: Contents | None = None
    untrusted = ""
    try:
        manifest = catalog.signed_manifest(database, recovery_point)
    except IntegrityError as error:
        untrusted = error.what
    else:
        contents = summarise(manifest.manifest)
        records.append(_signed(installation, "manifest", f"{place}/manifest.json", manifest.content, manifest.signature))
    return DrillDocument(
        verdict=found.verdict,
        contents=contents,
        untrusted=untrusted,
        objectives=_objectives(installation, found.verdict),
        chosen=any(recovery_point < point and point < drill for point in catalog.recovery_points(database)),
        owner=installation.database(database).owner,
        place=describe_place(installation.fleet.store(store)),
        records=records,
        drawn_at=now or datetime.datetime.now(datetime.UTC),
        drawn_by=include.proven.__version__,
    )


def describe_place(store: Store) -> str:
    """Return what a store is, for people: `Swift, container backups, prefix proven`."""
    prefix = f", prefix {store.prefix}" if store.prefix else ""
    if isinstance(store, DirectoryStore):
        return f"directory {store.path}{prefix}"
    return f"S3, bucket {store.bucket}{prefix}" if isinstance(store, S3Store) else f"Swift, container {store.container}{prefix}"


def _signed(installation: Installation, about: str, key: str, content: bytes, signature: bytes) -> Signed:
    return Signed(
        about=about,
        key=key,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        signer=installation.keyring.verify(content, signature),
    )


def _objectives(installation: Installation, verdict: Verdict) -> Objectives:
    if verdict.rpo_seconds is not None and verdict.rto_seconds is not None:
        return Objectives(rpo_seconds=verdict.rpo_seconds, rto_seconds=verdict.rto_seconds, signed=True)
    promised = installation.database(verdict.database).objectives
    return Objectives(rpo_seconds=promised.rpo.total_seconds(), rto_seconds=promised.rto.total_seconds(), signed=False)
