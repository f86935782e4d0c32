"""Fetches the parts of an artifact several at once, verifies each, and hands them on in order, in bounded memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator

from .errors import AgentError
from .parts import Buffers
from .pipeline import Pipeline, write_all
from .progress import Meter
from .protocol import JobStore, StoredArtifact
from .reading import Part, PartReader
from .throttle import Throttle
from .urls import Urls

RANGE_BYTES = 8 * 1024 * 1024
"""Bytes of one request at most. There is memory for few of the largest parts, yet all threads shall have something to do; and
several on one part have it sooner than each on its own. Swift hashes (MD5) a segment that one request reads whole, which costs
it a third of its CPU and is no news to who verifies SHA-256: measured, 8 MiB of 16 beat both 4 and 16."""


class Arriving:
    """A part that fills one buffer, range by range."""

    def __init__(self, part: Part, buffer: bytearray) -> None:
        self.part = part
        self.buffer = buffer
        self.body = memoryview(buffer)
        self.starts = range(0, part["bytes"], RANGE_BYTES)
        self._lock = threading.Lock()
        self._missing = len(self.starts)

    def arrive(self) -> bool:
        """Count one range; say whether it was the last."""
        with self._lock:
            self._missing -= 1
            return self._missing == 0


class Share:
    """What downloads that run beside each other share: the bandwidth, the memory for parts, how many requests are under way."""

    def __init__(self, store: JobStore, beside: int = 1) -> None:
        """Given how many there are at once. Each that has a buffer has the part that it waits for: none blocks another."""
        self.requests = -(-store["parallel"] // beside)
        self.buffers = Buffers(max(store["parallel"], beside) + 1)
        self.throttle = Throttle(store["bandwidth"])


class PartDownloader:
    """One artifact on its way from the store. Not a byte of a part is handed on before its checksum was right."""

    def __init__(self, artifact: StoredArtifact, store: JobStore, urls: Urls, meter: Meter, share: Share | None = None) -> None:
        share = share or Share(store)
        self._artifact = artifact
        self._meter = meter
        self._parallel = share.requests
        self._reader = PartReader(artifact, store["name"], urls, share.throttle)
        self._parts = [part for part in self._reader.parts if part["bytes"]]  # of an empty one there is nothing to wait for
        self._buffers = share.buffers
        self._turn = threading.Lock()
        self._ranges = self._give_out()
        self._changed = threading.Condition()
        self._ready: dict[int, Arriving] = {}

    def attach(self, pipeline: Pipeline, write: Callable[[memoryview], object], close: Callable[[], object]) -> None:
        """Add the pumps that fetch every part and `write` them in order, then `close` if all was right."""
        for _ in range(self._parallel):
            pipeline.pump(f"download of {self._artifact['name']}", self._fetch_all)
        pipeline.pump(f"parts of {self._artifact['name']}", lambda: self._hand_on(write, close))

    def _give_out(self) -> Iterator[tuple[Arriving, int]]:
        """Yield each part with each start of a range in it, in order: so the first part that is missing has a buffer."""
        for part in self._parts:
            arriving = Arriving(part, self._buffers.take(part["bytes"]))
            yield from ((arriving, start) for start in arriving.starts)

    def _fetch_all(self) -> None:
        while found := self._take_range():
            arriving, start = found
            self._reader.fill(arriving.part, start, arriving.body[start : start + RANGE_BYTES])
            if arriving.arrive():
                self._reader.settle(arriving.part, arriving.body)
                with self._changed:
                    self._ready[arriving.part["number"]] = arriving
                    self._changed.notify_all()

    def _take_range(self) -> tuple[Arriving, int] | None:
        # One at a time: while the first waits for a buffer, the others have nothing to take before it.
        with self._turn:
            return next(self._ranges, None)

    def _hand_on(self, write: Callable[[memoryview], object], close: Callable[[], object]) -> None:
        whole, count = hashlib.sha256(), 0
        for part in self._parts:
            arrived = self._wait_for(part["number"])
            whole.update(arrived.body)
            write_all(write, arrived.body)
            count += len(arrived.body)
            self._meter.add(len(arrived.body))
            self._buffers.give(arrived.buffer)
        if count != self._artifact["bytes"] or whole.hexdigest() != self._artifact["sha256"]:
            name = self._artifact["name"]
            raise AgentError("integrity", f"store: get {name}: its parts do not make up the whole that the manifest describes")
        close()

    def _wait_for(self, number: int) -> Arriving:
        with self._changed:
            self._changed.wait_for(lambda: number in self._ready)
            return self._ready.pop(number)
