"""Measured times against what was promised."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

from include.proven.manifest import Stage
from include.proven.proof.verdict import Check, Step
from include.proven.reports.documents import DrillDocument

AGE, TIME = "Age of the data", "Recovery time"
Status = Literal["met", "not met", "not shown"]


@dataclasses.dataclass(frozen=True)
class Measure:
    """One objective, and what was measured of it. Times are in seconds."""

    name: str
    explained: str
    """What was measured, as a sentence."""
    measured: float | None
    objective: float
    but: str = ""
    """Why what was measured neither keeps nor breaks the promise, as a sentence; empty where it does."""

    @property
    def status(self) -> Status:
        """Say whether the promise was kept."""
        if self.measured is None or self.but:
            return "not shown"
        return "met" if self.measured <= self.objective else "not met"

    @property
    def percent(self) -> float:
        """How much of what was promised was used, in percent, at most 100."""
        return min(100.0, 100 * (self.measured or 0.0) / self.objective)


@dataclasses.dataclass(frozen=True)
class Bar:
    """One step or stage, as a table and a chart show it."""

    name: str
    is_step: bool
    seconds: float
    bytes: int
    percent: float
    """Of the longest."""

    @property
    def rate(self) -> float:
        """Bytes a second; 0 where nothing was moved."""
        return self.bytes / self.seconds if self.seconds else 0.0


def measure(document: DrillDocument) -> list[Measure]:
    """Return both objectives of a drill, and what it has measured."""
    verdict, promised = document.verdict, document.objectives
    doubt = "" if verdict.outcome == "proven" else "It keeps no promise: the recovery point is not proven."
    choice = "An older recovery point was chosen: its age is no loss." if document.chosen else ""
    age = "Age of the restored data when the drill began: what would have been lost, had the source died then."
    rto = "Building the sandbox and restoring into it, without waiting for room."
    return [
        Measure(AGE, age, verdict.data_age_seconds, promised.rpo_seconds, doubt or choice),
        Measure(TIME, rto, verdict.measured_rto_seconds, promised.rto_seconds, doubt),
    ]


def bars(steps: Sequence[Step], checks: Sequence[Check]) -> list[Bar]:
    """Return the steps of a drill, each with its stages behind it, and what the checks took together."""
    lines = [*_lines(steps), *([("checks", True, sum(check.seconds for check in checks), 0)] if checks else [])]
    longest = max((seconds for _, _, seconds, _ in lines), default=0.0) or 1.0
    return [Bar(name, is_step, seconds, moved, 100 * seconds / longest) for name, is_step, seconds, moved in lines]


def backup_bars(stages: Sequence[Stage]) -> list[Bar]:
    """Return the stages of a backup."""
    longest = max((stage.seconds for stage in stages), default=0.0) or 1.0
    return [Bar(stage.name, False, stage.seconds, stage.bytes, 100 * stage.seconds / longest) for stage in stages]


def _lines(steps: Sequence[Step]) -> Iterator[tuple[str, bool, float, int]]:
    for step in steps:
        yield step.name, True, step.seconds, 0
        for stage in step.stages:
            yield stage.name, False, stage.seconds, stage.bytes
