"""What there is to decide about: what the stores hold of a database, and what must not be touched just now."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Iterator, Mapping, Sequence

from include.proven import copies, ids
from include.proven.catalog import Catalog, at_once
from include.proven.catalog.newest import date_fault
from include.proven.catalog.restores import Restore
from include.proven.catalog.standing import Point, Standing
from include.proven.errors import NothingStoredError
from include.proven.installation import Installation
from include.proven.retention.policy import Copy, Proof, Situation

PATIENCE = 1800.0
"""Seconds that a store may take: all its verdicts are read."""
STEPS = 4
"""A drill waits, builds, restores and checks: each within its time limit. What takes longer is dead."""
Holds = dict[str, list[str]]
"""Recovery point → why it must stay."""
Seen = tuple[Standing, list[Restore]]


def look(installation: Installation, database: str) -> copies.Answers[Seen]:
    """Return what each store holds of a database, and the restores from it."""
    return copies.ask(installation, database, lambda one: _look(one, database), patience=PATIENCE)


def describe(installation: Installation, database: str, seen: Mapping[str, Seen], holds: Holds) -> Situation:
    """Return what the policy decides about. `holds` are those that the stores do not know of."""
    now = datetime.datetime.now(datetime.UTC)
    found: Holds = collections.defaultdict(list, {point: list(reasons) for point, reasons in holds.items()})
    since = now - STEPS * installation.database(database).drill_time_limit
    for standing, restores in seen.values():
        for point, reason in (*_unsure(standing, now), *_in_use(standing, restores, since)):
            found[point].append(reason)
    return Situation(
        copies={store: [_copy(point) for point in standing.points.values()] for store, (standing, _) in seen.items()},
        half_made={name for standing, _ in seen.values() for name in standing.half_made},
        holds=found,
        excluded={name for standing, _ in seen.values() for name in standing.points if date_fault(name, now)},
    )


def find_standing_sandboxes(installation: Installation, database: str) -> Holds:
    """Return which recovery points stand in a sandbox: drilled, or kept there. Raise SandboxError if one gives no answer."""
    found: Holds = collections.defaultdict(list)
    for sandbox in sorted(installation.fleet.sandboxes):
        for instance in installation.sandbox(sandbox).find():
            if instance.database == database:
                found[instance.recovery_point].append(f"stands in sandbox {sandbox}: {instance.name}")
    return found


def find_locks(installation: Installation, database: str, points: Sequence[str], seen: Mapping[str, Seen]) -> Holds:
    """Return which of these recovery points a store does not let go, and until when."""
    found: Holds = collections.defaultdict(list)
    for name, (standing, _) in seen.items():
        store = installation.store(name)
        for point in points:
            if point in standing.points and (lock := store.find_lock(f"{database}/{point}")):
                found[point].append(f"{lock} in {name}")
    return found


def _unsure(standing: Standing, now: datetime.datetime) -> Iterator[tuple[str, str]]:
    """Yield what can't be trusted, or can't be, and why."""
    for name, point in standing.points.items():
        if fault := date_fault(name, now):
            yield name, fault
        yield from ((name, f"can't be trusted: {error.what}") for error in point.untrusted)


def _in_use(standing: Standing, restores: Sequence[Restore], since: datetime.datetime) -> Iterator[tuple[str, str]]:
    """Yield what drills and restores are at that have begun since then, and which."""
    for name, point in standing.points.items():
        yield from ((name, f"being drilled: {drill}") for drill in point.unfinished if _is_young(drill, since))
        for drill in (drill for drill in point.unfinished_chains if _is_young(drill, since)):
            # which older one the log leads from only its verdict says
            yield from ((older, f"being drilled: {drill}") for older in standing.points if older <= name)
    for restore in restores:
        if restore.outcome == "begun" and restore.started_at > since:
            yield restore.recovery_point, f"being restored: {restore.id}"


def _is_young(drill: str, since: datetime.datetime) -> bool:
    try:
        return ids.started_at(drill) > since
    except ValueError:
        return True


def proof_of(point: Point) -> Proof:
    """Return what the last drill has shown that could be tried."""
    tried: list[Proof] = [outcome for outcome in point.verdicts if outcome != "unproven"]
    return tried[-1] if tried else "untried"


def _copy(point: Point) -> Copy:
    if point.brief is None:
        return Copy(point.recovery_point, None, proof_of(point))
    return Copy(point.recovery_point, point.brief.base, proof_of(point), point.brief.method)


def _look(catalog: Catalog, database: str) -> Seen:
    with at_once.open_pool(catalog.store, at_once.FEW) as pool:
        standing = catalog.standing(database, pool)
    try:
        return standing, catalog.restores(database)
    except NothingStoredError:
        return standing, []
