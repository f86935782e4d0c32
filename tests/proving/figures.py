"""The figures of a run of `scripts/prove-the-proof`, and how they get into docs/failures.md."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import subprocess
from collections.abc import Sequence
from typing import Any

from include.proven.bench import documents

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "failures.md"


@dataclasses.dataclass
class Figures:
    """What one flavour has shown. JSON between processes."""

    flavour: str
    version: str
    mutations: int = 0
    mutation_seconds: float = 0.0
    kinds: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    """Kind of mutation → how many were made, how many were seen."""
    missed: list[str] = dataclasses.field(default_factory=list)
    drills: int = 0
    drill_seconds: float = 0.0
    alarms: list[str] = dataclasses.field(default_factory=list)
    """Drills of honest backups that were not proven."""
    failed_backups: list[str] = dataclasses.field(default_factory=list)
    """Backups that told of DDL under way."""
    load: dict[str, float] = dataclasses.field(default_factory=dict)
    """Statements and transactions of the load, and statements a second."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return dataclasses.asdict(self)


def write(flavours: Sequence[Figures], seed: int, document: pathlib.Path = DOCUMENT) -> None:
    """Write the sections of what was run, and leave the others as they are."""
    if any(one.mutations for one in flavours):
        documents.write_between(document, "mutations", f"{describe_mutations(flavours, seed)}\n")
    if any(one.drills for one in flavours):
        documents.write_between(document, "drills", f"{describe_drills(flavours, seed)}\n")


def describe_mutations(flavours: Sequence[Figures], seed: int) -> str:
    """Return the section of the mutations: a row for each kind, a pair of columns for each flavour."""
    made, missed = sum(one.mutations for one in flavours), sum(len(one.missed) for one in flavours)
    seconds = max(one.mutation_seconds for one in flavours)
    kinds = collections.Counter(kind for one in flavours for kind in one.kinds)
    rows = [
        f"| {kind} | {' | '.join(_seen(one.kinds.get(kind, [0, 0])) for one in flavours)} |"
        for kind in sorted(kinds, key=lambda kind: -sum(one.kinds.get(kind, [0])[0] for one in flavours))
    ]
    head = [
        f"| kind of mutation | {' | '.join(f'{one.flavour}, seen' for one in flavours)} |",
        f"|---|{'---:|' * len(flavours)}",
    ]
    return "\n".join([
        f"**{made:,} mutations, {missed:,} missed**: seed {seed}, {seconds:,.0f} s, {made / max(seconds, 0.001):.0f} a second"
        f" over both flavours. {machine()}",
        "",
        *head,
        *rows,
        *_listed("Missed", [line for one in flavours for line in one.missed]),
    ])  # fmt: skip


def describe_drills(flavours: Sequence[Figures], seed: int) -> str:
    """Return the section of the honest drills: a row for each flavour."""
    drills, alarms = sum(one.drills for one in flavours), sum(len(one.alarms) for one in flavours)
    rows = [
        f"| {one.version} | {one.drills:,} | {len(one.alarms):,} | {len(one.failed_backups):,} | {one.drill_seconds:,.0f} |"
        f" {one.load.get('statements', 0):,.0f} | {one.load.get('rate', 0):,.0f} | {one.load.get('rolled back', 0):,.0f} |"
        for one in flavours
    ]
    return "\n".join([
        f"**{drills:,} honest drills, {alarms:,} false alarms**: seed {seed}. {machine()}",
        "",
        "| source | drills | false alarms | backups that told of DDL under way | seconds | statements of the load | a second |"
        " rolled back |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
        *_listed("False alarms", [line for one in flavours for line in one.alarms]),
    ])  # fmt: skip


def machine() -> str:
    """Return a sentence on when and on what it was measured, and of which state of the code."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = " with changes beside it" if _git("status", "--porcelain", "--untracked-files=no", "include", "tests") else ""
    return f"{documents.describe_machine()} At commit {commit}{changed}."


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _seen(pair: list[int]) -> str:
    made, found = pair
    return f"{found:,}" if made == found else f"**{found:,} of {made:,}**"


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", "", "```", *lines, "```"] if lines else []
