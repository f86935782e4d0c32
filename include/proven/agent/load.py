"""Loads a recovery point into a server: rows beside each other, then the indexes, then what needs both.

`definitions` and what stands before them come first, one after the other; then all `rows`, the largest first; then the indexes
and foreign keys that had to wait (`deferring.py`), and the views, which may name an index; then the rest.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from . import beside, client, loading
from .context import Context
from .deferring import Definitions
from .jobs import RestoreArtifact, RestoreJob
from .opening import Opener, Opening
from .pipeline import Pipeline, widen, write_all
from .processes import Process
from .progress import Meter
from .protocol import Endpoint

BEFORE_ROWS = ("accounts", "dump", "definitions")
FEWEST, MOST = 2, 8
"""Clients at work at once: as many as this host has processors, within these limits."""
LARGE = 4 << 20
"""Bytes of rows from which on a table gets its indexes later: to alter one takes its time as well."""


def count_lanes() -> int:
    """Return how many clients shall be at work at once."""
    return min(max(FEWEST, len(os.sched_getaffinity(0))), MOST)


def prefix_of(artifact: RestoreArtifact) -> str:
    """Return what the names of its stages begin with: nothing where the bulk of the data is."""
    return "" if artifact["role"] in ("dump", "rows") else f"{artifact['role']} "


class Load:
    """One restore into a server that runs."""

    def __init__(self, job: RestoreJob, target: Endpoint, context: Context) -> None:
        self._artifacts = job["artifacts"]
        self._tools = job["tools"]
        self._target = target
        self._context = context
        self._opener = Opener(job["tools"], job["store"], context)
        self._bytes = _count_bytes([one for one in job["artifacts"] if one["role"] == "rows"])
        self._definitions = Definitions({name for name, size in self._bytes.items() if size >= LARGE})

    def run(self) -> int:
        """Load everything and return the plain size in bytes."""
        rows = [one for one in self._artifacts if one["role"] == "rows"]
        others = [one for one in self._artifacts if one["role"] != "rows"]
        size = sum(self._load(one) for one in others if one["role"] in BEFORE_ROWS)
        size += self._load_rows(rows)
        self._complete_definitions()
        return size + sum(self._load(one) for one in others if one["role"] not in BEFORE_ROWS)

    def _load(self, artifact: RestoreArtifact) -> int:
        """Load one artifact, as stages of its own."""
        prefix, stage = prefix_of(artifact), self._context.progress.stage
        with (
            stage(f"{prefix}download", artifact["bytes"]) as fetched,
            stage(f"{prefix}load", artifact["plain_bytes"]) as loaded,
        ):
            return self._begin(artifact, fetched, loaded).finish()

    def _load_rows(self, artifacts: list[RestoreArtifact]) -> int:
        """Load artifacts beside each other, the largest first."""
        if not artifacts:
            return 0
        lanes = count_lanes()
        self._opener.share(lanes)
        largest_first = sorted(artifacts, key=lambda one: one["plain_bytes"], reverse=True)
        stage = self._context.progress.stage
        with (
            stage("download", sum(one["bytes"] for one in artifacts)) as fetched,
            stage("load", sum(one["plain_bytes"] for one in artifacts)) as loaded,
        ):
            return sum(beside.run(largest_first, lambda one: self._begin(one, fetched, loaded).finish, at_once=lanes))

    def _begin(self, artifact: RestoreArtifact, fetched: Meter, loaded: Meter) -> Opening:
        loader, watch = self._start_client(artifact["name"])
        stdin, definitions = loader.stdin, self._definitions
        if artifact["role"] != "definitions":
            return self._opener.begin(artifact, fetched, loaded, stdin.write, stdin.close, watch)

        def pour(data: memoryview) -> int:
            write_all(stdin.write, memoryview(definitions.feed(data)))
            return len(data)

        def end() -> None:
            write_all(stdin.write, memoryview(definitions.close()))
            stdin.close()

        return self._opener.begin(artifact, fetched, loaded, pour, end, watch)

    def _complete_definitions(self) -> None:
        """Make what had to wait for the rows: indexes beside each other, the largest table's first, then the rest in order."""
        found = self._definitions
        if not found.deferred:
            return
        largest_first = sorted(found.deferred, key=lambda one: self._bytes.get(one.name, 0), reverse=True)
        indexes = [(f"the indexes of {one.name}", one.add(one.keys)) for one in largest_first if one.keys]
        last = [(f"the foreign keys of {one.name}", one.add(one.foreign_keys)) for one in found.deferred if one.foreign_keys]
        last += [("the views", found.views)] if found.views else []
        with self._context.progress.stage("indexes"):
            beside.run(indexes, self._begin_statements, at_once=count_lanes())
            beside.run(last, self._begin_statements, at_once=1)

    def _begin_statements(self, named: tuple[str, bytes]) -> Callable[[], None]:
        """Begin to load statements under the dump's own settings, given what they make, and return what ends it."""
        name, text = named[0], self._definitions.header + b"\n" + named[1]
        loader, watch = self._start_client(name)
        pipeline = Pipeline()

        def pour() -> None:
            write_all(loader.stdin.write, memoryview(text))
            loader.stdin.close()

        pipeline.pump(name, pour)
        watch(pipeline)
        return pipeline.run

    def _start_client(self, name: str) -> tuple[Process, Callable[[Pipeline], None]]:
        """Start a client, and return what adds it to the pipeline that feeds it with what has that name."""
        loader = client.start_with_defaults(
            self._tools["client"], self._tools, self._target, self._context.commands, stdin=subprocess.PIPE
        )
        widen(loader.stdin)

        def watch(pipeline: Pipeline) -> None:
            pipeline.add(loader, lambda process, status: loading.explain_load(process, status, name, self._target))

        return loader, watch


def _count_bytes(rows: list[RestoreArtifact]) -> dict[str, int]:
    """Return about how many bytes of rows each table has: those that share an artifact, the same."""
    counted: dict[str, int] = {}
    for one in rows:
        for table in one["tables"]:
            counted[table] = counted.get(table, 0) + one["plain_bytes"] // len(one["tables"])
    return counted
