"""Job `copy`: the parts that a store lacks come from another, as they are, each verified between the two."""

from __future__ import annotations

import threading
from typing import Any

from . import web
from .context import Context, peak_rss_bytes
from .halt import Halt
from .jobs import CopyArtifact, CopyJob
from .parts import Buffers
from .progress import Meter
from .reading import Part, PartReader
from .throttle import Throttle
from .urls import Urls
from .workers import count_threads, do_each


def run(job: CopyJob, context: Context) -> dict[str, Any]:
    """Copy what is missing and return the result as `jobs.CopyJob` describes it. Raise AgentError."""
    total = sum(
        part["bytes"] for artifact in job["artifacts"] for part in artifact["parts"] if part["number"] in artifact["missing"]
    )
    with context.progress.stage("copy", total) as meter:
        copy = Copy(job, context.urls, meter)
        for artifact in job["artifacts"]:
            copy.send(artifact)
    return {"sent_bytes": meter.bytes, "stages": context.progress.stages(), "peak_rss_bytes": peak_rss_bytes()}


class Copy:
    """One copy that runs: a thread carries a part from the one store to the other, and each store has its own limits."""

    def __init__(self, job: CopyJob, urls: Urls, meter: Meter) -> None:
        source, target = job["source"], job["target"]
        self._source = source["name"]
        self._target = target["name"]
        self._urls = urls
        self._meter = meter
        # One more than the slower store takes: it never waits, and what a kill loses of the other one's work is small.
        self._threads = max(source["parallel"], target["parallel"]) + 1
        self._buffers = Buffers(self._threads)
        self._reads = threading.Semaphore(source["parallel"])
        self._writes = threading.Semaphore(target["parallel"])
        self._read_throttle = Throttle(source["bandwidth"])
        self._write_throttle = Throttle(target["bandwidth"])

    def send(self, artifact: CopyArtifact) -> None:
        """Send the missing parts of one artifact. Raise AgentError: integrity if one is not what it was; no more are sent."""
        reader, halt = PartReader(artifact, self._source, self._urls, self._read_throttle), Halt()
        missing = set(artifact["missing"])
        parts = [part for part in reader.parts if part["number"] in missing]
        threads = count_threads(self._threads, len(parts))
        do_each(parts, lambda part: self._carry(reader, part, halt), threads=threads, halt=halt)

    def _carry(self, reader: PartReader, part: Part, halt: Halt) -> None:
        buffer = self._buffers.take(part["bytes"])
        try:
            body = memoryview(buffer)
            with self._reads:
                halt.check()
                reader.read(part, body)
            with self._writes:
                halt.check()
                label = f"{reader.artifact} part {part['number']} to {self._target}"
                sign = self._urls.put
                web.put(lambda: sign(self._target, reader.artifact, part), body, label, self._write_throttle, halt=halt)
            self._meter.add(part["bytes"])
        finally:
            self._buffers.give(buffer)
