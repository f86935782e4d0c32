"""Removes what a plan says.

Dependents go before their base, a manifest before what it describes, and what has changed since it was looked at stays: so that
whoever is killed in between leaves no broken chain, and no recovery point that is not whole. `./proven sweep` takes the rest.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Callable, Iterator
from typing import Any

from include.proven.catalog import removals
from include.proven.catalog.removals import Removal, RemovedLog, RemovedPoint
from include.proven.catalog.standing import Point
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.retention import logs, situation
from include.proven.retention.planning import Fate, Plan, make_plan

OnRemoved = Callable[[str, str], None]
"""Called with a store's name and what was removed from it."""


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


def apply(
    installation: Installation, plan: Plan, *, asked_by: str, even_most: bool = False, on_removed: OnRemoved | None = None
) -> Outcome:
    """Remove what a plan says, from all stores, and record it, signed, in each.

    Raise ConfigError if most would go and `even_most` is not said, before anything is touched; another ProvenError if a store
    fails: what was removed by then stands in its record.
    """
    if not even_most:
        plan.refuse_most()
    outcome = Outcome()
    with _Recording(installation, plan, asked_by, outcome):
        needed: set[str] = set()
        fates = {fate.recovery_point: fate for fate in plan.fates}
        for point in plan.order:
            fate = fates[point]
            if point in needed or _has_changed(installation, plan.database, fate):
                outcome.changed.append(point)
                needed |= {one.brief.base for one in fate.held.values() if one.brief}
                continue
            for removed in _remove_everywhere(installation, plan.database, fate, outcome):
                if on_removed:
                    on_removed(removed, point)
        # What stays against the plan may need a log that the plan lets go.
        for store, unneeded in plan.logs.items() if not outcome.changed else ():
            for log in unneeded:
                logs.remove(installation.catalog(plan.database, store), log)
                outcome.logs[store].append(log.removed)
                if on_removed:
                    on_removed(store, log.folder)
    return outcome


def prune(installation: Installation, database: str, *, asked_by: str) -> tuple[Plan, Outcome]:
    """Plan and apply, as it is done when nobody looks. Raise ConfigError if most of all recovery points would go."""
    plan = make_plan(installation, database)
    return plan, apply(installation, plan, asked_by=asked_by)


def _has_changed(installation: Installation, database: str, fate: Fate) -> bool:
    """Say whether a copy is not as the plan saw it: a drill may have begun, or somebody else may remove it."""
    return any(
        installation.catalog(database, store).keys_below(database, fate.recovery_point) != point.keys
        for store, point in fate.held.items()
    )


def _remove_everywhere(installation: Installation, database: str, fate: Fate, outcome: Outcome) -> Iterator[str]:
    for store, point in fate.held.items():
        remove_copy(installation, database, store, fate.recovery_point)
        outcome.removed[store].append(_as_removed(point))
        yield store


def remove_copy(installation: Installation, database: str, store: str, recovery_point: str) -> None:
    """Delete one copy. Artifacts go here and nowhere else: were they shared, who needs them would be counted here."""
    installation.catalog(database, store).remove(database, recovery_point)


def _as_removed(point: Point) -> RemovedPoint:
    size = point.brief.bytes if point.brief else 0
    return RemovedPoint(recovery_point=point.recovery_point, bytes=size, proof=situation.proof_of(point))


class _Recording:
    """Writes to each store what is to go from it, and in the end, however it ends, what went."""

    def __init__(self, installation: Installation, plan: Plan, asked_by: str, outcome: Outcome) -> None:
        self._installation, self._plan, self._outcome = installation, plan, outcome
        now = datetime.datetime.now(datetime.UTC)
        self._shared: dict[str, Any] = {
            "id": removals.new_id(now),
            "database": plan.database,
            "triggered_by": asked_by,
            "policy": plan.policy.model_dump(mode="json", exclude_none=True),
            "started_at": now,
        }
        self._stores = sorted({store for fate in plan.going for store in fate.held} | plan.logs.keys())

    def __enter__(self) -> None:
        for store in self._stores:
            points = [_as_removed(fate.held[store]) for fate in self._plan.going if store in fate.held]
            self._write(store, outcome="begun", points=points, logs=[log.removed for log in self._plan.logs.get(store, [])])

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        said = error.what if isinstance(error, ProvenError) else f"{type(error).__name__}: {error}" if error else ""
        ended: dict[str, Any] = {"outcome": "failed" if error else "done", "reason": said}
        ended["ended_at"] = datetime.datetime.now(datetime.UTC)
        for store in self._stores:
            try:
                self._write(store, points=self._outcome.removed[store], logs=self._outcome.logs[store], **ended)
            except ProvenError as fault:
                if error is None:
                    raise
                error.add_note(f"and the record of the removal could not be kept in store {store}: {fault.what}")

    def _write(self, store: str, **members: Any) -> None:
        record = Removal(store=store, **self._shared, **members)
        self._installation.catalog(self._plan.database, store).record_removal(record)
