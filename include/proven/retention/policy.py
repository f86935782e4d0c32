"""Which recovery points of a database stay, and why. Nothing here reads a store or a clock.

Each store's copies are judged by themselves, for a proof is of one copy; and a recovery point goes from all stores or from
none. So no store is brought again what another still holds, and what one store does not let go (a lock) stays everywhere.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from include.proven import ids
from include.proven.fleet import schedule
from include.proven.fleet.retention import Retention

Proof = Literal["proven", "refuted", "untried"]
NEEDS_OTHERS = ("incremental", "differential")
"""Kinds that may have a base: an id names its kind."""
FORMATS = {"hourly": "%Y%m%d%H", "daily": "%Y%m%d", "weekly": "%G%V", "monthly": "%Y%m", "yearly": "%Y"}


@dataclasses.dataclass(frozen=True)
class Copy:
    """A recovery point in one store."""

    recovery_point: str
    base: str | None = ""
    """Without which it can't be restored; empty: it needs none; None: its manifest can't be trusted, so nobody knows."""
    proof: Proof = "untried"
    """As its last drill that could be tried has ended."""
    method: str = "logical"
    """As its manifest has it: what is made on others is made on the newest of its own method."""


@dataclasses.dataclass(frozen=True)
class Situation:
    """All that is known of the recovery points of a database."""

    copies: Mapping[str, Sequence[Copy]]
    """By store."""
    half_made: Collection[str] = ()
    """Ids that some store holds without a manifest: they are being written or copied, or were left by a crash."""
    holds: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    """Recovery point → why it must stay whatever the policy says: it is being drilled, it is locked …"""
    excluded: Collection[str] = ()
    """Ids that can't be (of the future): they stay, and count for no rule."""


Reasons = dict[str, list[str]]
"""Recovery point, oldest first → why it stays; nothing: it goes."""


def decide(policy: Retention, situation: Situation) -> Reasons:
    """Return why each recovery point stays."""
    found: Reasons = {copy.recovery_point: [] for copies in situation.copies.values() for copy in copies}
    found = dict(sorted(found.items()))
    for point, holds in situation.holds.items():
        _add(found, point, *holds)
    for store, copies in situation.copies.items():
        place = f" in {store}" if len(situation.copies) > 1 else ""
        counted = [copy for copy in copies if copy.recovery_point not in situation.excluded]
        for point, reason in _rules(policy, sorted(counted, key=lambda copy: copy.recovery_point, reverse=True)):
            _add(found, point, f"{reason}{place}")
    _keep_what_others_may_need(found, situation)
    _keep_bases(found, situation)
    return found


def removal_order(points: Collection[str], situation: Situation) -> list[str]:
    """Return recovery points so that each stands before its base, the newest first: wherever it ends, no chain is broken."""
    bases = _bases(situation)

    def depth(point: str) -> int:
        seen: set[str] = set()
        edge = {point}
        while edge := {base for one in edge for base in bases[one]} - seen:
            seen |= edge
        return len(seen)

    return sorted(points, key=lambda point: (depth(point), point), reverse=True)


def _rules(policy: Retention, copies: Sequence[Copy]) -> list[tuple[str, str]]:
    """Return the recovery points of one store that stay, each with the reason. `copies` are newest first."""
    trusted = [copy for copy in copies if copy.base is not None]
    proven = [copy.recovery_point for copy in trusted if copy.proof == "proven"]
    if not proven:
        return [(copy.recovery_point, "nothing is proven") for copy in copies]
    kept = [(copies[0].recovery_point, "newest")]
    newest = {copy.method: copy.recovery_point for copy in reversed(trusted)}
    kept += [(point, f"newest {method}") for method, point in newest.items() if point != copies[0].recovery_point]
    kept += [(point, f"proven {n} of {policy.proven}") for n, point in enumerate(proven[: policy.proven], 1)]
    # Which of these is good nobody knows yet, and the good ones get older.
    good = [copy for copy in trusted if copy.proof != "refuted"]
    kept += [(copy.recovery_point, "no newer one is proven") for copy in good if copy.recovery_point > proven[0]]
    last = good[: policy.keep_last or 0]
    kept += [(copy.recovery_point, f"last {n} of {policy.keep_last}") for n, copy in enumerate(last, 1)]
    if policy.keep_within:
        since = ids.started_at(copies[0].recovery_point) - policy.keep_within
        young = [copy.recovery_point for copy in copies if ids.started_at(copy.recovery_point) >= since]
        kept += [(point, f"within {schedule.words(policy.keep_within)}") for point in young]
    for name, count in policy.periods:
        best = _best_of_each(name, good)[:count]
        kept += [(point, f"{name} {n} of {count}") for n, point in enumerate(best, 1)]
    return kept


def _best_of_each(name: str, copies: Sequence[Copy]) -> list[str]:
    """Return of each period the newest that is proven, else the newest; the newest period first."""
    periods: dict[str, list[Copy]] = collections.defaultdict(list)
    for copy in copies:
        periods[f"{ids.started_at(copy.recovery_point):{FORMATS[name]}}"].append(copy)
    return [next((copy for copy in some if copy.proof == "proven"), some[0]).recovery_point for some in periods.values()]


def _keep_what_others_may_need(found: Reasons, situation: Situation) -> None:
    """Keep what may be the base of something of which nobody knows what it needs, and what needs such a one."""
    for begun in situation.half_made:
        _add(found, begun, "being copied, or left half copied")
    unread = {copy.recovery_point for copies in situation.copies.values() for copy in copies if copy.base is None}
    for point in unread:
        _add(found, point, "its manifest can't be trusted")
    for unknown in sorted({*unread, *situation.half_made}):
        if ids.kind_of(unknown) in NEEDS_OTHERS:
            for point in found:
                if point < unknown:
                    _add(found, point, f"may be what {unknown} needs")
    bases, doubtful = _bases(situation), unread
    for point in found:
        if bases[point] & doubtful:
            doubtful = doubtful | {point}
            _add(found, point, "needs one whose manifest can't be trusted")


def _keep_bases(found: Reasons, situation: Situation) -> None:
    """Keep, of all that stays, what it can't be restored without."""
    bases = _bases(situation)
    edge = [point for point, reasons in found.items() if reasons]
    while edge:
        point = edge.pop()
        for base in bases[point]:
            if base in found:
                edge += [] if found[base] else [base]
                _add(found, base, f"base of {point}")


def _bases(situation: Situation) -> dict[str, set[str]]:
    bases: dict[str, set[str]] = collections.defaultdict(set)
    for copies in situation.copies.values():
        for copy in copies:
            if copy.base:
                bases[copy.recovery_point].add(copy.base)
    return bases


def _add(found: Reasons, point: str, *reasons: str) -> None:
    if point in found:
        found[point] += [reason for reason in reasons if reason not in found[point]]
