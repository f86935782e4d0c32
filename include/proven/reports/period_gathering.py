"""Draws the report of a period from the stores: the drills of every database of the fleet, every signature verified."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence

import include.proven
from include.proven import copies, ids
from include.proven.catalog import Catalog
from include.proven.catalog.drills import CHAINS, DRILLS, DrillEntry
from include.proven.catalog.removals import Removal
from include.proven.errors import IntegrityError, ProvenError
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.proof.verdict import Verdict
from include.proven.reports.periods import DatabaseLine, DrillLine, PeriodDocument

DAYS = 90
PATIENCE = 1800.0
"""Seconds that a store may take: the verdicts of a year are many, and each is two objects and a signature."""
MOST_WAYS = 20
"""Drills by the binary log that are read to find one that is proven."""


@dataclasses.dataclass
class _Held:
    """What one store holds of a database."""

    points: list[str]
    entries: list[DrillEntry]
    lines: list[DrillLine] = dataclasses.field(default_factory=list)
    """Of the period, and older ones as far as they may have proven newer data."""
    by_the_log: DrillLine | None = None
    """The newest drill that has proven a way by the binary log."""
    removals: list[Removal] = dataclasses.field(default_factory=list)
    """Of the period."""
    problems: list[str] = dataclasses.field(default_factory=list)


def draw(installation: Installation, *, days: int = DAYS, now: datetime.datetime | None = None) -> PeriodDocument:
    """Return the report of the last days. What can't be read or trusted is named in it."""
    until = now or datetime.datetime.now(datetime.UTC)
    return draw_between(installation, until - datetime.timedelta(days=days), until)


def draw_between(installation: Installation, since: datetime.datetime, until: datetime.datetime) -> PeriodDocument:
    """Return the report of a period that ends now. Where `since` is `until`, only what is newest is read."""
    return PeriodDocument(
        since=since,
        drawn_at=until,
        drawn_by=include.proven.__version__,
        signer=installation.keyring.signer(),
        databases=[_draw_database(installation, name, since) for name in sorted(installation.fleet.databases)],
    )


def _draw_database(installation: Installation, name: str, since: datetime.datetime) -> DatabaseLine:
    config = installation.database(name)
    answers = copies.ask(installation, name, lambda one: _read(one, name, since), patience=PATIENCE)
    held = answers.given
    lines = sorted((line for one in held.values() for line in one.lines), key=lambda line: line.drill, reverse=True)
    problems = [f"Store {store} gives no answer: {error.what}." for store, error in answers.silent.items()]
    problems += [problem for one in held.values() for problem in one.problems]
    points = {point for one in held.values() for point in one.points}
    newest = max(points, default="")
    holders = [store for store, one in held.items() if newest in one.points]
    manifest = _manifest(installation, name, newest, holders, problems) if newest else None
    return DatabaseLine(
        name=name,
        owner=config.owner,
        engine=config.engine,
        schedule=config.schedule,
        stores=config.stores,
        rpo_seconds=config.objectives.rpo.total_seconds(),
        rto_seconds=config.objectives.rto.total_seconds(),
        recovery_points=sum(ids.started_at(point) >= since for point in points),
        newest_point=newest,
        newest_snapshot_at=manifest.data_as_of if manifest else None,
        newest_stored_bytes=sum(artifact.bytes for artifact in manifest.artifacts) if manifest else None,
        newest_reused_bytes=sum(artifact.bytes for artifact in manifest.reused) if manifest else None,
        newest_plain_bytes=sum(artifact.plain_bytes for artifact in manifest.artifacts) if manifest else None,
        newest_backup_seconds=(manifest.finished_at - manifest.started_at).total_seconds() if manifest else None,
        removed=len({one.recovery_point for store in held.values() for removal in store.removals for one in removal.points}),
        freed_bytes=sum(removal.freed for store in held.values() for removal in store.removals),
        held_by=holders,
        points_held={store: len(one.points) for store, one in held.items()},
        newest=lines[0] if lines else None,
        newest_proven=max((line for line in lines if line.outcome == "proven"), key=_newness, default=None),
        newest_way=max((one.by_the_log for one in held.values() if one.by_the_log), key=lambda line: line.drill, default=None),
        drills=[line for line in lines if ids.started_at(line.drill) >= since],
        unfinished=sorted(_unfinished(held.values(), since)),
        problems=problems,
    )


def _read(catalog: Catalog, database: str, since: datetime.datetime) -> _Held:
    drills = catalog.drills(database, (DRILLS, CHAINS))
    held = _Held(catalog.recovery_points(database), [entry for entry in drills if entry.folder == DRILLS])
    _read_ways(catalog, database, [entry for entry in reversed(drills) if entry.folder == CHAINS and entry.concluded], held)
    try:
        held.removals = [removal for removal in catalog.removals(database, since) if removal.outcome != "begun"]
    except IntegrityError as error:
        held.problems.append(f"Store {catalog.store.name}: {error.what}.")
    proven = ""
    for entry in reversed(held.entries):
        is_old = ids.started_at(entry.drill) < since
        if not entry.concluded or (is_old and entry.recovery_point <= proven):
            continue
        try:
            found = catalog.signed_verdict(database, entry.recovery_point, entry.drill)
        except IntegrityError as error:
            held.problems.append(f"Store {catalog.store.name}: {error.what}.")
        else:
            held.lines.append(_line(found.verdict, found.content))
            proven = max(proven, entry.recovery_point if found.verdict.outcome == "proven" else "")
    return held


def _read_ways(catalog: Catalog, database: str, newest_first: Iterable[DrillEntry], held: _Held) -> None:
    """Find the newest drill that has proven a way by the binary log."""
    for entry in itertools.islice(newest_first, MOST_WAYS):
        try:
            found = catalog.signed_verdict(database, entry.recovery_point, entry.drill, entry.folder)
        except IntegrityError as error:
            held.problems.append(f"Store {catalog.store.name}: {error.what}.")
            continue
        if found.verdict.outcome == "proven":
            held.by_the_log = _line(found.verdict, found.content)
            return


def _line(verdict: Verdict, content: bytes) -> DrillLine:
    shared = {name: getattr(verdict, name) for name in DrillLine.model_fields if name != "sha256"}
    return DrillLine(**shared, sha256=hashlib.sha256(content).hexdigest())


def _newness(line: DrillLine) -> tuple[str, str]:
    """Return what proven drills are compared by: the newest data counts, and of one recovery point the newest drill."""
    return line.recovery_point, line.drill


def _unfinished(held: Iterable[_Held], since: datetime.datetime) -> Iterator[str]:
    for one in held:
        for entry in one.entries:
            if not entry.concluded and ids.started_at(entry.drill) >= since:
                yield entry.drill


def _manifest(
    installation: Installation, database: str, point: str, stores: Sequence[str], problems: list[str]
) -> Manifest | None:
    """Return the manifest of a recovery point from the first store where it can be trusted."""
    for store in stores:
        try:
            return installation.catalog(database, store).manifest(database, point)
        except ProvenError as error:
            problems.append(f"Store {store}: {error.what}.")
    return None
