"""Measures one way: seconds, whose CPU they took, and the most memory that its programs held at one moment."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from include.proven import servers
from include.proven.bench import measure
from include.proven.bench.engines import processes

LOOK_SECONDS = 0.25
NOT_OURS = ("--datadir=", "--guard-of=")
"""Arguments of database servers and of who watches them: they are counted apart, or not at all."""
AGENT = ".pyz"


@dataclasses.dataclass(frozen=True)
class Span:
    """How long a way took, and what of: CPU seconds of its own programs, of the database servers, of the store."""

    wall: float
    client: float
    server: float
    store: float
    peak: int = 0
    """Bytes that all programs of the way held at one moment, this one not among them. What they share is counted again."""
    agent: int = 0
    """Of these, the most that the agent itself ever held; 0: there was none."""

    @property
    def cpu(self) -> float:
        """All CPU seconds."""
        return self.client + self.server + self.store


class Meter:
    """Used as a context manager, it measures the block; afterwards `span` says what."""

    span: Span

    def __init__(self, datadirs: Sequence[pathlib.Path], store: int) -> None:
        """Given the data directories of the servers that work for it, and the process id of the store."""
        self._datadirs = datadirs
        self._store = store
        self._peak = self._agent = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Meter:
        self._before = set(processes.children_of(os.getpid()))
        self._servers, self._stored, self._own = (
            self._server_seconds(),
            processes.tree_seconds(self._store),
            measure.cpu_seconds(),
        )
        self._begun = time.monotonic()
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        wall, client = time.monotonic() - self._begun, measure.cpu_seconds() - self._own
        self._ended.set()
        self._watcher.join()
        served = {pid: seconds - self._servers.get(pid, 0.0) for pid, seconds in self._server_seconds().items()}
        self.span = Span(
            wall=wall,
            client=client,
            server=sum(served.values()),
            store=processes.tree_seconds(self._store) - self._stored,
            peak=self._peak,
            agent=self._agent,
        )

    def _server_seconds(self) -> dict[int, float]:
        """Return what each server has used; one that has begun meanwhile counts as a whole."""
        pids = [pid for datadir in self._datadirs for pid in servers.find_processes(datadir)]
        return {pid: processes.seconds(pid) for pid in pids}

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            begun = [pid for pid in processes.children_of(os.getpid()) if pid not in self._before]
            self._peak = max(self._peak, sum(self._look_at(pid) for pid in begun))

    def _look_at(self, pid: int) -> int:
        """Return how many bytes a program holds; note the agent's most."""
        words = processes.arguments(pid)
        if any(word.startswith(NOT_OURS) for word in words):
            return 0
        held, most = processes.memory(pid)
        if any(word.endswith(AGENT) for word in words):
            self._agent = max(self._agent, most)
        return held


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
