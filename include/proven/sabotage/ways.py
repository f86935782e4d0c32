"""The ways to break a copy, by name: what each does, which public failure it is, and how it must be refused."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from include.proven.errors import ConfigError
from include.proven.fleet import hints
from include.proven.proof.verdict import Outcome, Verdict
from include.proven.sabotage.broken_copy import Act

THING = "{thing}"
"""In the words that are expected: what was broken."""


@dataclasses.dataclass(frozen=True)
class Told:
    """Who must refuse, and in which words."""

    by: str
    """A step (`build`, `restore`) or a check (`fingerprint`, `objects` …)."""
    words: str
    """Regular expression; `{thing}` is what was broken."""

    def find(self, by: str, said: str, thing: str) -> str:
        """Return who said the expected words, and the line; an empty string if they are none."""
        found = re.search(self.words.replace(THING, re.escape(thing)), said) if by == self.by else None
        return f"{by}: {said[said.rfind(chr(10), 0, found.start()) + 1 :].splitlines()[0]}" if found else ""


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to break a copy."""

    name: str
    failure: str
    """Row of the public failures (`docs/failures.md`) that it is."""
    what: str
    """What it does, as a sentence."""
    act: Act
    """Does it, and returns what was broken. Raises NotApplicableError where this recovery point has nothing of the sort."""
    told: tuple[Told, ...]
    """One of these must be among the causes that the verdict names."""
    outcomes: tuple[Outcome, ...] = ("refuted",)
    never: str = ""
    """Regular expression of what no cause may say: it would mean that something worse has happened."""

    def find_cause(self, verdict: Verdict, thing: str) -> str:
        """Return the words by which a verdict refuses for the right reason, in a line; an empty string if it does not."""
        said = list(causes(verdict))
        if verdict.outcome not in self.outcomes or (self.never and any(re.search(self.never, words) for _, words in said)):
            return ""
        return next((line for told in self.told for by, words in said if (line := told.find(by, words, thing))), "")

    @property
    def expected(self) -> str:
        """Return what is expected, in a line: `refuted: restore`."""
        return f"{' or '.join(self.outcomes)} by {' or '.join(dict.fromkeys(told.by for told in self.told))}"


def causes(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield everything in a verdict that kept it from being proven: the step or check, and its words."""
    for step in verdict.steps:
        if step.outcome != "done":
            yield step.name, f"{step.what}\n{step.detail}"
    for check in verdict.checks:
        if check.outcome != "pass":
            yield check.name, "\n".join([check.figure, *check.differences])


def registry(*families: Sequence[Way]) -> dict[str, Way]:
    """Return ways by name."""
    return {way.name: way for family in families for way in family}


def find(ways: dict[str, Way], name: str) -> Way:
    """Return the way of that name. Raise ConfigError, with a suggestion, if there is none."""
    if name not in ways:
        raise ConfigError(f"sabotage: no way {name!r}", hint=hints.suggest(name, ways, noun="ways"))
    return ways[name]
