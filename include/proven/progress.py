"""Progress, as the people who watch see it: in a terminal, in a task's log, in the demo's window."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far one stage is."""

    stage: str
    bytes: int
    """Moved so far in this stage."""
    rate: float
    """Bytes per second over the last second."""
    total: int | None = None
    """Bytes that this stage will move, where that is known."""


OnProgress = Callable[[Progress], None]

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def format_bytes(count: float) -> str:
    """Return a size for people: `812 B`, `1.3 MB` (powers of 1000, as disks and networks are sold)."""
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.0f} {UNITS[unit]}" if unit == 0 else f"{count:.1f} {UNITS[unit]}"


def format_seconds(seconds: float) -> str:
    """Return a duration for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def every(seconds: float, sink: OnProgress) -> OnProgress:
    """Return a sink that passes on at most one event per stage in `seconds`: a log is read by people."""
    last: dict[str, float] = {}

    def pass_on(progress: Progress) -> None:
        now = time.monotonic()
        if now - last.get(progress.stage, -seconds) >= seconds:
            last[progress.stage] = now
            sink(progress)

    return pass_on
