"""Cuts a stream into parts and sends several at once, in constant memory: one buffer a part in flight, and one that fills."""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import IO, Any

from . import web
from .pipeline import Pipeline, read_into
from .progress import Meter
from .urls import Urls


class PartUploader:
    """One artifact on its way to the store. Its pumps run in the artifact's pipeline; afterwards `summary` says what went."""

    def __init__(self, artifact: str, urls: Urls, meter: Meter, *, part_bytes: int, parallel: int) -> None:
        self._artifact = artifact
        self._urls = urls
        self._meter = meter
        self._part_bytes = part_bytes
        self._parallel = parallel
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[tuple[int, memoryview, bytearray] | None] = queue.SimpleQueue()
        self._whole = hashlib.sha256()
        self._lock = threading.Lock()
        self._parts: dict[int, dict[str, Any]] = {}

    def attach(self, pipeline: Pipeline, source: IO[bytes]) -> None:
        """Add the pumps that read `source` to its end and send it."""
        pipeline.pump(f"parts of {self._artifact}", lambda: self._cut(source))
        for _ in range(self._parallel):
            pipeline.pump(f"upload of {self._artifact}", self._send)

    def summary(self) -> dict[str, Any]:
        """Return bytes, sha256 and parts of the whole, as `manifest.Artifact` takes them."""
        parts = [self._parts[number] for number in sorted(self._parts)]
        return {"bytes": sum(part["bytes"] for part in parts), "sha256": self._whole.hexdigest(), "parts": parts}

    def _cut(self, source: IO[bytes]) -> None:
        number, made = 0, 0
        while True:
            if made <= self._parallel and self._free.empty():
                buffer, made = bytearray(self._part_bytes), made + 1
            else:
                buffer = self._free.get()
            count = self._fill(source, memoryview(buffer))
            if count:
                number += 1
                self._full.put((number, memoryview(buffer)[:count], buffer))
            if count < self._part_bytes:
                break
        for _ in range(self._parallel):
            self._full.put(None)

    def _fill(self, source: IO[bytes], part: memoryview) -> int:
        filled = 0
        while filled < len(part) and (count := read_into(source, part[filled:])):
            self._whole.update(part[filled : filled + count])
            filled += count
        return filled

    def _send(self) -> None:
        while (job := self._full.get()) is not None:
            number, body, buffer = job
            sha256 = hashlib.sha256(body).hexdigest()
            md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
            request = self._urls.take(self._artifact, number)
            label = f"{self._artifact} part {number}"
            web.put(request, body, md5, label, lambda number=number: self._urls.renew(self._artifact, number))  # type: ignore[misc]
            with self._lock:
                self._parts[number] = {"number": number, "bytes": len(body), "sha256": sha256, "md5": md5}
            self._meter.add(len(body))
            self._free.put(buffer)
