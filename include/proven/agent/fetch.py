"""Job `fetch`: artifacts, as they are, into files of a directory; what is interrupted goes on where it was."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from .context import Context, peak_rss_bytes
from .errors import AgentError
from .halt import Halt
from .jobs import FetchJob
from .landing import Landing
from .parts import Buffers
from .progress import Meter
from .reading import Part, PartReader
from .throttle import Throttle
from .workers import count_threads, do_each


def run(job: FetchJob, context: Context) -> dict[str, Any]:
    """Fetch every artifact and return the result as `jobs.FetchJob` describes it. Raise AgentError."""
    folder, stage = pathlib.Path(job["folder"]), context.progress.stage
    landings = [Landing(folder, artifact) for artifact in job["artifacts"]]
    with stage("held", sum(landing.bytes_held() for landing in landings)) as meter:
        wanted = [(landing, landing.find_missing(meter)) for landing in landings if not landing.stands(meter)]
    total = sum(part["bytes"] for _, parts in wanted for part in parts)
    _require_space(folder, total)
    with stage("fetch", total) as fetched:
        fetch = Fetch(job, context, fetched)
        for landing, parts in wanted:
            fetch.bring(landing, parts)
    with stage("verify", sum(landing.artifact["bytes"] for landing, _ in wanted)) as verified:
        for landing, _ in wanted:
            landing.finish(verified)
    return {"fetched_bytes": fetched.bytes, "stages": context.progress.stages(), "peak_rss_bytes": peak_rss_bytes()}


class Fetch:
    """One fetch that runs."""

    def __init__(self, job: FetchJob, context: Context, meter: Meter) -> None:
        self._store = job["store"]
        self._urls = context.urls
        self._meter = meter
        self._throttle = Throttle(self._store["bandwidth"])
        self._buffers = Buffers(max(self._store["parallel"], 2))

    def bring(self, landing: Landing, parts: list[Part]) -> None:
        """Fetch those parts of one artifact. Raise AgentError: integrity if one is not what was uploaded."""
        reader, halt = PartReader(landing.artifact, self._store["name"], self._urls, self._throttle), Halt()
        threads = count_threads(self._store["parallel"], len(parts))
        do_each(parts, lambda part: self._bring(landing, reader, part, halt), threads=threads, halt=halt)

    def _bring(self, landing: Landing, reader: PartReader, part: Part, halt: Halt) -> None:
        buffer = self._buffers.take(part["bytes"])
        try:
            halt.check()
            reader.read(part, memoryview(buffer))
            landing.write(part, memoryview(buffer))
            self._meter.add(part["bytes"])
        finally:
            self._buffers.give(buffer)


def _require_space(folder: pathlib.Path, count: int) -> None:
    """Raise AgentError (sandbox) unless so many bytes are free: better now than after hours."""
    there = os.statvfs(folder)
    free = there.f_bavail * there.f_frsize
    if free < count:
        raise AgentError("sandbox", f"{folder}: {count} bytes are needed, {free} are free", hint="Choose a larger disk.")
