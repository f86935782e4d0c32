"""Removes what a plan says.

Dependents go before their base, a manifest before what it describes, and what has changed since it was looked at stays: so that
whoever is killed in between leaves no broken chain, and no recovery point that is not whole. `./proven sweep` takes the rest.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from include.proven.catalog import removals
from include.proven.catalog.removals import Removal, RemovedLog, RemovedPoint
from include.proven.catalog.standing import Point
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.retention import logs, situation
from include.proven.retention.planning import Fate, Plan, make_plan


@dataclasses.dataclass
class Outcome:
    """What was removed."""

    removed: dict[str, list[RemovedPoint]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    """By store."""
    logs: dict[str, list[RemovedLog]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    changed: list[str] = dataclasses.field(default_factory=list)
    """Recovery points that were to go, and stay: they, or what needs them, have changed since the plan was made."""

    @property
    def freed(self) -> int:
        """Bytes, of all stores together."""
        points = sum(one.bytes for some in self.removed.values() for one in some)
        return points + sum(one.bytes for some in self.logs.values() for one in some)

    @property
    def points(self) -> set[str]:
        """Recovery points that went, from any store."""
        return {one.recovery_point for some in self.removed.values() for one in some}


def apply(installation: Installation, plan: Plan, *, asked_by: str, even_most: bool = False) -> Outcome:
    """Remove what a plan says, from all stores, and record it, signed, in each.

    Raise ConfigError if most would go and `even_most` is not said, before anything is touched; another ProvenError if a store
    fails: what was removed by then stands in its record.
    """
    if not even_most:
        plan.refuse_most()
    outcome = Outcome()
    with _recorded(installation, plan, asked_by, outcome):
        _remove_points(installation, plan, outcome)
        if not outcome.changed:  # what stays against the plan may need a log that the plan lets go
            _remove_logs(installation, plan, outcome)
    return outcome


def prune(installation: Installation, database: str, *, asked_by: str) -> tuple[Plan, Outcome]:
    """Plan and apply, as it is done when nobody looks. Raise ConfigError if most of all recovery points would go."""
    plan = make_plan(installation, database)
    return plan, apply(installation, plan, asked_by=asked_by)


def _remove_points(installation: Installation, plan: Plan, outcome: Outcome) -> None:
    needed: set[str] = set()
    fates = {fate.recovery_point: fate for fate in plan.going}
    for point in plan.order:
        held = fates[point].held
        if point in needed or _has_changed(installation, plan.database, fates[point]):
            outcome.changed.append(point)
            needed |= {one.brief.base for one in held.values() if one.brief}
            continue
        for store, one in held.items():
            freed = remove_copy(installation, plan, store, point)
            outcome.removed[store].append(_as_removed(one).model_copy(update={"bytes": freed}))


def _remove_logs(installation: Installation, plan: Plan, outcome: Outcome) -> None:
    for store, unneeded in plan.logs.items():
        for log in unneeded:
            logs.remove(installation.catalog(plan.database, store), log)
            outcome.logs[store].append(log.removed)


def _has_changed(installation: Installation, database: str, fate: Fate) -> bool:
    """Say whether a copy is not as the plan saw it: a drill may have begun, or somebody else may remove it."""
    return any(
        installation.catalog(database, store).keys_below(database, fate.recovery_point) != point.keys
        for store, point in fate.held.items()
    )


def remove_copy(installation: Installation, plan: Plan, store: str, recovery_point: str) -> int:
    """Delete one copy, but for artifacts that others refer to, and return how many bytes of artifacts went."""
    briefs = {fate.recovery_point: fate.held[store].brief for fate in plan.fates if store in fate.held}
    return installation.catalog(plan.database, store).remove(plan.database, recovery_point, briefs)


def _as_removed(point: Point) -> RemovedPoint:
    size = point.brief.bytes if point.brief else 0
    return RemovedPoint(recovery_point=point.recovery_point, bytes=size, proof=situation.proof_of(point))


@contextlib.contextmanager
def _recorded(installation: Installation, plan: Plan, asked_by: str, outcome: Outcome) -> Iterator[None]:
    """Write to each store what is to go from it, and in the end, however it ends, what went."""
    now = datetime.datetime.now(datetime.UTC)
    shared: dict[str, Any] = {
        "id": removals.new_id(now),
        "database": plan.database,
        "triggered_by": asked_by,
        "policy": plan.policy.model_dump(mode="json", exclude_none=True),
        "started_at": now,
    }
    stores = sorted({store for fate in plan.going for store in fate.held} | plan.logs.keys())

    def write(store: str, **members: Any) -> None:
        installation.catalog(plan.database, store).record_removal(Removal(store=store, **shared, **members))

    def write_end(store: str, **members: Any) -> None:
        ended = datetime.datetime.now(datetime.UTC)
        write(store, points=outcome.removed[store], logs=outcome.logs[store], ended_at=ended, **members)

    for store in stores:
        points = [_as_removed(fate.held[store]) for fate in plan.going if store in fate.held]
        write(store, outcome="begun", points=points, logs=[log.removed for log in plan.logs.get(store, [])])
    try:
        yield
    except BaseException as error:
        # ^C too: some of it may be gone
        reason = error.what if isinstance(error, ProvenError) else f"{type(error).__name__}: {error}"
        for store in stores:
            try:
                write_end(store, outcome="failed", reason=reason)
            except ProvenError as fault:
                error.add_note(f"and the record of the removal could not be kept in store {store}: {fault.what}")
        raise
    for store in stores:
        write_end(store, outcome="done")
