"""What was measured of each way, and what became of those that could not be."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from typing import Literal

from include.proven.agent.errors import AgentError
from include.proven.bench import measure
from include.proven.bench.engines.meter import Span
from include.proven.errors import ProvenError

Kind = Literal["stage", "backup", "restore"]
Round = Callable[[], tuple[Span, int]]
"""Goes a way once, and returns what it took and how many bytes it has stored."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One way: the middle one of its rounds, or why there is none."""

    kind: Kind
    way: str
    ours: bool
    span: Span | None
    stored: int = 0
    """Bytes that it has put into the store."""
    problem: str = ""


class Outcomes:
    """All ways of one run."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self.all: list[Outcome] = []

    def go(self, kind: Kind, way: str, once: Round, *, ours: bool = False, rounds: int | None = None) -> None:
        """Go a way several times and keep its median. What it fails of is said, and kept: the others go on."""
        measure.say(f"{kind}: {way}")
        try:
            taken = [once() for _ in range(rounds or self._rounds)]
        except (ProvenError, AgentError, OSError) as error:
            self.fail(kind, way, error, ours=ours)
            return
        middle = statistics.median_low(span.wall for span, _ in taken)
        span, stored = next(one for one in taken if one[0].wall == middle)
        self.all.append(Outcome(kind, way, ours, span, stored))
        measure.say(f"  {span.wall:.1f} s, {span.cpu:.1f} of CPU")

    def fail(self, kind: Kind, way: str, error: Exception, *, ours: bool) -> None:
        """Keep why there is no figure."""
        said = [error.what, error.detail, error.hint] if isinstance(error, ProvenError | AgentError) else [str(error)]
        measure.say(f"  failed: {' – '.join(word for word in said if word)}")
        self.all.append(Outcome(kind, way, ours, None, problem=said[0]))

    def find(self, kind: Kind, way: str) -> Outcome | None:
        """Return a way that has a figure."""
        return next((one for one in self.all if (one.kind, one.way) == (kind, way) and one.span), None)

    def failed(self) -> list[Outcome]:
        """Return the ways that have none."""
        return [one for one in self.all if one.span is None]
