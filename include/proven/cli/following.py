"""Follow DAGs that run in another process by the lines that they append to a file."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from include.proven.cli import display
from include.proven.progress import Progress

POLL_SECONDS = 0.1


def follow(runner: subprocess.Popen[bytes], events: pathlib.Path) -> int:
    """Show every task and stage until `runner` ends; return its exit status."""
    with display.stages() as shown, events.open() as lines:
        while runner.poll() is None:
            for event in _read(lines):
                _show(shown, event)
            time.sleep(POLL_SECONDS)
        for event in _read(lines):
            _show(shown, event)
    return runner.returncode


def _read(lines: Any) -> Iterator[dict[str, Any]]:
    while line := lines.readline():
        yield json.loads(line)


def _show(shown: display.Stages, event: dict[str, Any]) -> None:
    task = event.pop("task")
    if "state" not in event:
        moved = Progress(**event)
        shown.show(Progress(f"{task} {moved.stage}", moved.bytes, moved.rate, moved.total))
    elif event["state"] == "running":
        shown.begin(task)
    else:
        shown.end(task, failed=event["state"] == "failed")
