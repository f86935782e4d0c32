"""What is wrong in a fleet file, where, and what to do about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the document down to one value."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    file: str
    line: int
    """1 …; 0 when it concerns the file as a whole."""
    where: str
    """`databases.shop.schedule`; empty at the top."""
    what: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        sentence = ": ".join(part for part in (place, self.where, self.what) if part)
        return f"{sentence} (HINT: {self.hint})" if self.hint else sentence


def dotted(path: Path) -> str:
    """Return a path as a person writes it: `databases.shop.contacts[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def in_order(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults by line, each once: an alias in the file shows the same fault in several places."""
    once = {(fault.file, fault.line, fault.what): fault for fault in reversed(faults)}
    return sorted(once.values(), key=lambda fault: (fault.file, fault.line, fault.where, fault.what))
