"""The evidence of a drill: how each of its steps ended, and what its checks answered, signed, in the store.

The verdict is drawn from it (`drill.conclude`). What has left no evidence was not proven.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from include.proven import audit
from include.proven.errors import CheckError, ProvenError
from include.proven.installation import Installation
from include.proven.manifest import Command, Stage
from include.proven.proof.verdict import Check, Severity, Step
from include.proven.room import NoRoomYetError

if TYPE_CHECKING:
    from include.proven.drill import Drill


@dataclasses.dataclass
class Note:
    """What a step has to say for its evidence."""

    stages: list[Stage] = dataclasses.field(default_factory=list)
    figures: dict[str, Any] = dataclasses.field(default_factory=dict)
    waited_seconds: float = 0.0
    """For room: part of no step's time, and so of no RTO."""


@contextlib.contextmanager
def record_step(installation: Installation, drill: Drill, name: str) -> Iterator[Note]:
    """Record how a step ended: done, or the verdict that its error means. One that must come back has not ended."""
    begun, note = time.monotonic(), Note()
    try:
        with audit.listen() as heard:
            yield note
    except NoRoomYetError:
        raise
    except Exception as error:
        what, hint = _explain(error)
        outcome = error.verdict if isinstance(error, ProvenError) else "unproven"
        detail = error.detail if isinstance(error, ProvenError) else ""
        seconds = time.monotonic() - begun - note.waited_seconds
        step = Step(
            name=name,
            outcome=outcome,
            what=what,
            detail=detail,
            hint=hint,
            seconds=seconds,
            figures=note.figures,
            **audit.keep(heard),
        )
        record(installation, drill, step, error)
        raise
    seconds = time.monotonic() - begun - note.waited_seconds
    kept = audit.keep(heard)
    done = Step(name=name, outcome="done", seconds=seconds, stages=note.stages, figures=note.figures, **kept)
    record(installation, drill, done)


def answer(
    installation: Installation,
    drill: Drill,
    name: str,
    ask: Callable[[], Check],
    *,
    severity: Severity = "critical",
    heard: Sequence[Command] = (),
) -> Check:
    """Run `ask() -> Check`, record its answer as evidence, and return it. `severity` goes for one that could not run.

    `heard` are commands that were run for it before; those that are run now are heard here.

    Raise CheckError if the answer is a critical `fail`, and whatever `ask` raised after recording that it could not run.
    """
    begun = time.monotonic()
    try:
        with audit.listen() as more:
            found = ask()
    except Exception as error:
        what, hint = _explain(error)
        seconds = time.monotonic() - begun
        kept = audit.keep([*heard, *more])
        lost = Check(name=name, outcome="could-not-run", figure=what, hint=hint, severity=severity, seconds=seconds, **kept)
        record(installation, drill, lost, error)
        raise
    seconds = found.seconds or time.monotonic() - begun
    found = found.model_copy(update={"name": name, "seconds": seconds, **audit.keep([*heard, *more])})
    record(installation, drill, found)
    if found.outcome == "fail" and found.severity == "critical":
        raise CheckError(f"check {name} failed: {found.figure}", detail="\n".join(found.differences[:10]), hint=found.hint)
    return found


def record(installation: Installation, drill: Drill, evidence: Step | Check, cause: Exception | None = None) -> None:
    """Put evidence into the store. With a `cause` at hand, a store that refuses must not hide it."""
    try:
        catalog = installation.catalog(drill.database, drill.store)
        catalog.record_evidence(drill.database, drill.recovery_point, drill.id, evidence, drill.folder)
    except ProvenError as error:
        if cause is None:
            raise
        cause.add_note(f"and its evidence could not be stored: {error.what}")


def _explain(error: Exception) -> tuple[str, str]:
    """Return what happened, in one line with the machine's last words, and the hint."""
    if isinstance(error, ProvenError):
        return ": ".join([error.what, *error.detail.splitlines()[-1:]]), error.hint
    return f"{type(error).__name__}: {error}", ""
