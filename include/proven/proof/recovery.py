"""How long a recovery took, part by part, and whether that and the data's age are what was promised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from include.proven.fleet.databases import Objectives
from include.proven.manifest import Stage
from include.proven.progress import format_seconds
from include.proven.proof.usage import DOWNLOAD
from include.proven.proof.verdict import Check, Step

LOAD = "load"
"""Last word in the name of every stage that loads (`load`, `accounts load`); `download` is that of the others."""


def measure_rto(steps: Sequence[Step], expected: Sequence[str]) -> float | None:
    """Return how long the expected steps took together, in seconds, or None if one of them was not done.

    Waiting between two steps (for a free worker) is the orchestrator's, not the recovery's, and is not counted.
    """
    done = {step.name: step.seconds for step in steps if step.outcome == "done"}
    return sum(done[name] for name in expected) if expected and all(name in done for name in expected) else None


def measure_parts(steps: Sequence[Step], checks: Sequence[Check]) -> list[Stage]:
    """Return what a recovery's time went to, in order: each step that was done, and the checks.

    A restore is followed by `download` and `load`, summed over its artifacts. They are parts of it and run at the same time:
    the longer of the two is what a faster store, or a faster instance, would shorten.
    """
    parts: list[Stage] = []
    for step in steps:
        if step.outcome == "done":
            parts.append(Stage(name=step.name, seconds=step.seconds))
            parts += [part for part in (_sum(step.stages, end) for end in (DOWNLOAD, LOAD)) if part]
    return [*parts, Stage(name="checks", seconds=sum(check.seconds for check in checks))] if checks else parts


def missed(objectives: Objectives, age: float | None, time: float | None, *, newest: bool) -> Iterator[str]:
    """Given what was promised, and data age and recovery time in seconds, yield a sentence for each promise that was missed.

    The age of a recovery point that is not the `newest` is no loss: it was drilled because somebody chose it.
    """
    rpo, rto = objectives.rpo.total_seconds(), objectives.rto.total_seconds()
    if newest and age is not None and age > rpo:
        yield f"RPO missed: the newest data was {format_seconds(age)} old as the drill began; promised: {format_seconds(rpo)}."
    if time is not None and time > rto:
        yield f"RTO missed: build and restore took {format_seconds(time)}; promised: {format_seconds(rto)}."


def _sum(stages: Sequence[Stage], last_word: str) -> Stage | None:
    found = [stage for stage in stages if stage.name.split()[-1] == last_word]
    if not found:
        return None
    return Stage(name=last_word, seconds=sum(stage.seconds for stage in found), bytes=sum(stage.bytes for stage in found))
