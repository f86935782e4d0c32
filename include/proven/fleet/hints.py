"""Suggestions for misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(word: str, choices: Iterable[str], *, noun: str = "known names") -> str:
    """Given a word that is none of `choices`, return a hint: the closest one, or all of them."""
    known = sorted(choices)
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"The {noun} are {', '.join(known)}." if known else f"There are no {noun} yet."
