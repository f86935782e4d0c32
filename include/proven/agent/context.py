"""What every job of the agent shares: its voice, its audit trail, and what must be gone when it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from . import processes
from .progress import Progress
from .urls import Urls


class Context:
    """One run of the agent."""

    def __init__(self) -> None:
        self._voice = threading.Lock()
        self._stopping = threading.Event()
        self._leftovers: list[pathlib.Path] = []
        self._endings: list[Callable[[], None]] = []
        self.commands = processes.CommandLog()
        self.progress = Progress(self.emit)
        self.urls = Urls(self.emit)
        self.receipts: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        """What the controller has answered to `segment` events."""

    def emit(self, event: dict[str, Any]) -> None:
        """Write one event as one line, never mixed with another thread's."""
        line = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        with self._voice:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    def private_directory(self) -> pathlib.Path:
        """Return a new directory, mode 0700, that is removed whatever happens."""
        directory = pathlib.Path(tempfile.mkdtemp(prefix="proven-agent-"))
        self.remove_at_end(directory)
        return directory

    def remove_at_end(self, path: pathlib.Path) -> None:
        """Remove a file or directory when the job ends, however it ends."""
        self._leftovers.append(path)

    def call_at_end(self, function: Callable[[], None]) -> None:
        """Call a function when the job ends, however it ends, in any thread. Nothing that it raises is heard."""
        self._endings.append(function)

    def finish(self, status: int, event: dict[str, Any]) -> None:
        """End the agent: nothing runs, nothing is left, then the last event."""
        processes.stop_all()
        if self._stopping.is_set():
            threading.Event().wait()  # whoever stops us ends the process; what died of it is no result
        self._clean_up()
        if "commands" in event:
            event["commands"] = self.commands.as_list()  # with those that had to be killed just now
        self.emit(event)
        # Without finalisation: a daemon thread may be in the middle of a request that nobody waits for any more.
        os._exit(status)

    def stop(self, status: int) -> None:
        """Stop everything now: kill every tool, remove every temporary file, exit. Called from any thread."""
        self._stopping.set()
        processes.stop_all()
        self._clean_up()
        os._exit(status)

    def _clean_up(self) -> None:
        for function in self._endings:
            with contextlib.suppress(Exception):
                function()
        for path in self._leftovers:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def peak_rss_bytes() -> int:
    """Return the most memory that this process (not its tools) has held.

    From /proc: getrusage's figure begins with what the *parent* held when it forked us.
    """
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
