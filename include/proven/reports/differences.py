"""A difference as a diff: what only the source has, what only the copy has, and the words around it."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

Side = Literal["", "source", "copy", "border"]

# `proof` words a difference as `…: old on the source, new restored`, and a changed text as `…: - old … + new`
TOLD = re.compile(r"(.*: )?((?!not ).+? on the source)(, )((?!but ).+? restored)(.*)", re.DOTALL)
BORDER = re.compile(r"( … |\n|(?<=: ))(?=[-+] |and \d+ more lines)")
SIDES: dict[str, Side] = {"- ": "source", "+ ": "copy"}


@dataclasses.dataclass(frozen=True)
class Piece:
    """A stretch of a difference's text."""

    text: str
    side: Side
    """Whose it is. A border stands between two lines: a reader of text needs it, one of a diff does not."""


def split(difference: str) -> list[Piece]:
    """Given a difference, return its pieces: put together again they are the same text."""
    if told := TOLD.fullmatch(difference):
        sides: tuple[Side, ...] = ("", "source", "border", "copy", "")
        return [Piece(text, side) for text, side in zip(told.groups(""), sides, strict=True) if text]
    found = (piece for piece in BORDER.split(difference) if piece)
    return [Piece(text, "border" if text in (" … ", "\n") else SIDES.get(text[:2], "")) for text in found]
