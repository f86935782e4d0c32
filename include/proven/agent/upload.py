"""Cuts a stream into parts and sends each to every store, several at once, in bounded memory.

A part is hashed once and lives until the last store has it: the slowest store sets the pace, one that fails is left behind.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import IO, Any

from . import web
from .destinations import Destinations
from .errors import AgentError
from .parts import MOST, Buffers, size_of_part
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


class PartUploader:
    """One artifact on its way to the stores. Its pumps run in the artifact's pipeline; afterwards `summary` says what went."""

    def __init__(self, artifact: str, urls: Urls, meter: Meter, destinations: Destinations, *, part_bytes: int) -> None:
        self._artifact = artifact
        self._urls = urls
        self._meter = meter
        self._destinations = destinations
        self._stores = destinations.remaining()
        self._part_bytes = part_bytes
        self._buffers = Buffers(max(store["parallel"] for store in self._stores) + 1)
        self._queues: list[queue.SimpleQueue[Piece | None]] = [queue.SimpleQueue() for _ in self._stores]
        self._whole = hashlib.sha256()
        self._parts: list[dict[str, Any]] = []

    def attach(self, pipeline: Pipeline, source: IO[bytes]) -> None:
        """Add the pumps that read `source` to its end and send it."""
        pipeline.pump(f"parts of {self._artifact}", lambda: self._cut(source))
        for store, pieces in zip(self._stores, self._queues, strict=True):
            throttle = Throttle(store["bandwidth"])
            for _ in range(store["parallel"]):
                pipeline.pump(
                    f"upload of {self._artifact} to {store['name']}",
                    lambda store=store, pieces=pieces, throttle=throttle: self._send_all(store, pieces, throttle),  # type: ignore[misc]
                )

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
            if count:
                self._hand_out(Piece(number, offset, memoryview(buffer)[:count], buffer, len(self._stores)))
            number, offset = number + 1, offset + count
            if count < size:
                break
            if number > MOST:
                raise AgentError("store", f"store: {self._artifact} is larger than {offset} bytes in {MOST} parts")
        for store, pieces in zip(self._stores, self._queues, strict=True):
            for _ in range(store["parallel"]):
                pieces.put(None)

    def _hand_out(self, piece: Piece) -> None:
        for pieces in self._queues:
            pieces.put(piece)

    def _fill(self, source: IO[bytes], part: memoryview) -> int:
        filled = 0
        while filled < len(part) and (count := read_into(source, part[filled:])):
            self._whole.update(part[filled : filled + count])
            filled += count
        return filled

    def _send_all(self, store: JobStore, pieces: queue.SimpleQueue[Piece | None], throttle: Throttle) -> None:
        while (piece := pieces.get()) is not None:
            if self._destinations.has(store["name"]):
                try:
                    self._send(store["name"], piece, throttle)
                except AgentError as error:
                    self._destinations.drop(store["name"], error)
            if piece.leave():
                self._finish(piece)

    def _send(self, store: str, piece: Piece, throttle: Throttle) -> None:
        part = piece.describe()
        label = f"{self._artifact} part {part['number']} to {store}"
        web.put(lambda: self._urls.put(store, self._artifact, part), piece.body, label, throttle)

    def _finish(self, piece: Piece) -> None:
        """Every store has the part or was left behind: count it, and let its buffer be filled anew."""
        described = piece.describe()
        self._parts.append({name: described[name] for name in ("number", "bytes", "sha256", "md5")})
        self._meter.add(described["bytes"])
        self._buffers.give(piece.buffer)
