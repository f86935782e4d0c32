"""Cuts a stream into parts and sends each to every store, several at once, in bounded memory.

A part is hashed once and lives until the last store has it: the slowest store sets the pace, one that fails is left behind.
"""

from __future__ import annotations

import functools
import hashlib
import queue
import threading
from typing import IO, Any

from . import web
from .destinations import Destinations
from .errors import AgentError
from .halt import Halt
from .parts import MEMORY, MOST, Buffers, size_of_part
from .pipeline import Pipeline, read_into
from .progress import Meter
from .protocol import JobStore
from .throttle import Throttle
from .urls import Urls


class Piece:
    """A part that fills one buffer."""

    def __init__(self, number: int, offset: int, body: memoryview, buffer: bytearray, stores: int) -> None:
        self.body = body
        self.buffer = buffer
        self._lock = threading.Lock()
        self._waiting = stores
        self._described: dict[str, Any] = {"number": number, "offset": offset, "bytes": len(body)}

    def describe(self) -> dict[str, Any]:
        """Return number, offset, bytes, sha256 and md5. Whichever store's sender comes first computes them, once."""
        with self._lock:
            if "sha256" not in self._described:
                md5 = hashlib.md5(self.body, usedforsecurity=False).hexdigest()
                self._described |= {"sha256": hashlib.sha256(self.body).hexdigest(), "md5": md5}
            return self._described

    def leave(self) -> bool:
        """Count one store off; say whether it was the last."""
        with self._lock:
            self._waiting -= 1
            return self._waiting == 0


class Lane:
    """The way to one store: what waits for it, its limit, and what cuts it off."""

    def __init__(self, store: JobStore) -> None:
        self.store = store["name"]
        self.senders = store["parallel"]
        self.waiting: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self.throttle = Throttle(store["bandwidth"])
        self.halt = Halt()


class PartUploader:
    """One artifact on its way to the stores. Its pumps run in the artifact's pipeline; afterwards `summary` says what went."""

    def __init__(
        self, artifact: str, urls: Urls, meter: Meter, destinations: Destinations, *, part_bytes: int, memory: int = MEMORY
    ) -> None:
        """`memory`: bytes that its parts may take up at once, unless one part alone needs more."""
        self._artifact = artifact
        self._urls = urls
        self._meter = meter
        self._destinations = destinations
        self._part_bytes = part_bytes
        self._lanes = [Lane(store) for store in destinations.remaining()]
        most = max(lane.senders for lane in self._lanes) + 1
        self._buffers = Buffers(min(most, max(1, memory // part_bytes)), memory)
        self._whole = hashlib.sha256()
        self._to_end = threading.Semaphore(0)
        self._parts: list[dict[str, Any]] = []

    def attach(self, pipeline: Pipeline, source: IO[bytes]) -> None:
        """Add the pumps that read `source` to its end and send it."""
        pipeline.pump(f"parts of {self._artifact}", lambda: self._cut(source))
        for lane in self._lanes:
            pipeline.on_failure(lane.halt.stop)
            for _ in range(lane.senders):
                pipeline.pump(f"upload of {self._artifact} to {lane.store}", functools.partial(self._send_all, lane))

    def wait(self) -> None:
        """Wait until all of it is in every store that was not left behind."""
        for lane in self._lanes:
            for _ in range(lane.senders):
                self._to_end.acquire()

    def summary(self) -> dict[str, Any]:
        """Return bytes, sha256 and parts of the whole, as `manifest.Artifact` takes them."""
        parts = sorted(self._parts, key=lambda part: int(part["number"]))
        return {"bytes": sum(part["bytes"] for part in parts), "sha256": self._whole.hexdigest(), "parts": parts}

    def _cut(self, source: IO[bytes]) -> None:
        number, offset = 1, 0
        while True:
            size = size_of_part(number, self._part_bytes)
            buffer = self._buffers.take(size)
            count = self._fill(source, memoryview(buffer))
            if count and number > MOST:
                raise AgentError("store", f"store: {self._artifact} is larger than {offset} bytes in {MOST} parts")
            if count:
                self._hand_out(Piece(number, offset, memoryview(buffer)[:count], buffer, len(self._lanes)))
            if count < size:
                break
            number, offset = number + 1, offset + count
        for lane in self._lanes:
            for _ in range(lane.senders):
                lane.waiting.put(None)

    def _hand_out(self, piece: Piece) -> None:
        for lane in self._lanes:
            lane.waiting.put(piece)

    def _fill(self, source: IO[bytes], part: memoryview) -> int:
        filled = 0
        while filled < len(part) and (count := read_into(source, part[filled:])):
            self._whole.update(part[filled : filled + count])
            filled += count
        return filled

    def _send_all(self, lane: Lane) -> None:
        while (piece := lane.waiting.get()) is not None:
            if self._destinations.has(lane.store):
                try:
                    self._send(lane, piece)
                except AgentError as error:
                    self._destinations.drop(lane.store, error)
                    # The others that are on their way there are not waited for: the first error was enough.
                    lane.halt.stop()
            if piece.leave():
                self._finish(piece)
        self._to_end.release()

    def _send(self, lane: Lane, piece: Piece) -> None:
        part = piece.describe()
        label = f"{self._artifact} part {part['number']} to {lane.store}"
        sign = functools.partial(self._urls.put, lane.store, self._artifact, part)
        web.put(sign, piece.body, label, lane.throttle, halt=lane.halt)

    def _finish(self, piece: Piece) -> None:
        """Every store has the part or was left behind: count it, and let its buffer be filled anew."""
        described = piece.describe()
        self._parts.append({name: described[name] for name in ("number", "bytes", "sha256", "md5")})
        self._meter.add(described["bytes"])
        self._buffers.give(piece.buffer)
