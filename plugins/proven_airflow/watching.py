"""Progress of a task: a few lines in its log, and every event for a display that asked for them."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pathlib
from typing import Any

from include.proven import progress

LOG_SECONDS = 5.0
log = logging.getLogger(__name__)


def watch(task: str) -> progress.OnProgress:
    """Return a sink for the progress of `task`: its log gets at most one line per stage in five seconds, the display all."""
    to_log = progress.every(LOG_SECONDS, _log)

    def take(event: progress.Progress) -> None:
        to_log(event)
        tell(task, dataclasses.asdict(event))

    return take


def tell(task: str, event: dict[str, Any]) -> None:
    """Append an event of `task` as a JSON line to the file that `$PROVEN_PROGRESS` names, if it names one."""
    if file := os.environ.get("PROVEN_PROGRESS"):
        with pathlib.Path(file).open("a") as lines:
            lines.write(json.dumps({"task": task, **event}) + "\n")


def _log(event: progress.Progress) -> None:
    if event.bytes == 0:
        return
    whole = f" of {progress.format_bytes(event.total)}" if event.total else ""
    log.info("%s: %s%s, %s/s", event.stage, progress.format_bytes(event.bytes), whole, progress.format_bytes(event.rate))
