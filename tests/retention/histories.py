"""Random policies and random histories of recovery points, with chains, proofs and several stores."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import strategies as st

from include.proven import ids
from include.proven.fleet.retention import PERIODS, Retention
from include.proven.retention.policy import Copy, Situation

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KINDS = ("full", "full", "incremental", "differential")
METHODS = ("logical", "physical")
PROOFS = ("proven", "proven", "untried", "refuted")


@st.composite
def policies(draw: st.DrawFn) -> Retention:
    rules: dict[str, Any] = {"proven": draw(st.integers(1, 4))}
    for name in draw(st.lists(st.sampled_from(("keep_last", *PERIODS)), min_size=1, unique=True)):
        rules[name] = draw(st.integers(1, 5))
    if draw(st.booleans()):
        rules["keep_within"] = datetime.timedelta(hours=draw(st.integers(1, 500)))
    return Retention(**rules)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Return what up to three stores hold, each of it some of the same history."""
    hours = sorted(draw(st.sets(st.integers(0, 3000), max_size=20)))
    bases: dict[str, str] = {}
    for hour in hours:
        kind = draw(st.sampled_from(KINDS))
        before = [point for point in bases if kind == "incremental" or "-full-" in point]
        if not before:
            kind = "full"
        point = ids.new_recovery_point(kind, now=BEGIN + datetime.timedelta(hours=hour), run=str(hour))
        bases[point] = "" if kind == "full" else before[-1]
    base_of = {point: st.sampled_from((base, base, base, base, None)) for point, base in bases.items()}
    copies = {}
    for store in draw(st.sampled_from((["a"], ["a", "b"], ["a", "b", "c"]))):
        copies[store] = [
            Copy(point, draw(base), draw(st.sampled_from(PROOFS)), draw(st.sampled_from(METHODS)))
            for point, base in base_of.items()
            if draw(st.integers(0, 9))
        ]
    points = sorted(bases)
    held = st.sets(st.sampled_from(points), max_size=2) if points else st.just(set[str]())
    return Situation(copies, draw(held), {point: ["locked"] for point in draw(held)}, draw(held))


def without(situation: Situation, gone: set[str]) -> Situation:
    """Return what there is when those are gone."""
    copies = {store: [copy for copy in some if copy.recovery_point not in gone] for store, some in situation.copies.items()}
    return Situation(copies, situation.half_made, situation.holds, situation.excluded)
