"""How an answer is put into words: figure, differences, counts."""

from __future__ import annotations

from collections.abc import Sequence

from include.proven.proof.verdict import Check

MOST_DIFFERENCES = 100


def answer(name: str, differences: Sequence[str], figure: str, hint: str, *, data: bool = False) -> Check:
    """Return a check that has passed, or failed if there are differences: at most 100 are named, and all are counted."""
    if not differences:
        return Check(name=name, outcome="pass", proves_data=data, figure=figure)
    shown = list(differences[:MOST_DIFFERENCES])
    if len(differences) > MOST_DIFFERENCES:
        shown[-1] = f"… and {len(differences) - MOST_DIFFERENCES + 1:,} more differences"
    figure = f"{count(len(differences), 'difference')} in {figure}"
    return Check(name=name, outcome="fail", proves_data=data, figure=figure, hint=hint, differences=shown)


def could_not_run(name: str, figure: str, hint: str) -> Check:
    """Return a check that has seen nothing, and why."""
    return Check(name=name, outcome="could-not-run", figure=figure, hint=hint)


def count(number: int, noun: str) -> str:
    """Return `1 table`, `29 tables`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return `a, b, c, d, e and 7 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
