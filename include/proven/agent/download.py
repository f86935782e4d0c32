"""Fetches the parts of an artifact several at once, verifies each, and hands them on in order, in constant memory."""

from __future__ import annotations

import functools
import hashlib
import itertools
import queue
import threading
from collections.abc import Callable
from typing import Any

from . import web
from .errors import AgentError
from .pipeline import Pipeline, write_all
from .progress import Meter
from .protocol import JobStore, StoredArtifact
from .throttle import Throttle
from .urls import Urls


class PartDownloader:
    """One artifact on its way from the store. Not a byte of a part is handed on before its checksum was right."""

    def __init__(self, artifact: StoredArtifact, store: JobStore, urls: Urls, meter: Meter) -> None:
        self._artifact = artifact
        self._meter = meter
        self._parallel = store["parallel"]
        self._throttle = Throttle(store["bandwidth"])
        self._ask = functools.partial(urls.get, store["name"], artifact["name"])
        self._request = artifact["request"]
        self._parts = artifact["parts"]
        self._offsets = [0, *itertools.accumulate(part["bytes"] for part in self._parts)]
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._next = 0
        self._ready: dict[int, bytearray] = {}

    def attach(self, pipeline: Pipeline, write: Callable[[memoryview], object], close: Callable[[], object]) -> None:
        """Add the pumps that fetch every part and `write` them in order, then `close` if all was right."""
        largest = max((part["bytes"] for part in self._parts), default=0)
        for _ in range(self._parallel + 1):
            self._free.put(bytearray(largest))
        for _ in range(self._parallel):
            pipeline.pump(f"download of {self._artifact['name']}", self._fetch_parts)
        pipeline.pump(f"parts of {self._artifact['name']}", lambda: self._hand_on(write, close))

    def _fetch_parts(self) -> None:
        while True:
            # The buffer first, then the number: so the lowest number that is missing always has a buffer.
            buffer = self._free.get()
            with self._changed:
                index, self._next = self._next, self._next + 1
            if index >= len(self._parts):
                self._free.put(buffer)
                return
            self._fetch(index, memoryview(buffer)[: self._parts[index]["bytes"]])
            with self._changed:
                self._ready[index] = buffer
                self._changed.notify_all()

    def _fetch(self, index: int, into: memoryview) -> None:
        """Fetch one part until its checksum is right. Raise AgentError (integrity) when the second time is no better."""
        label = f"{self._artifact['name']} part {index + 1}"
        for _ in range(2):
            web.get_range(self._request, self._offsets[index], into, self._artifact["bytes"], label, self._sign, self._throttle)
            if hashlib.sha256(into).hexdigest() == self._parts[index]["sha256"]:
                return
        hint = "The store holds other bytes than were uploaded: this recovery point is lost, take a new backup."
        raise AgentError("integrity", f"store: get {label}: checksum mismatch", hint=hint)

    def _sign(self) -> dict[str, Any]:
        self._request = self._ask()
        return self._request

    def _hand_on(self, write: Callable[[memoryview], object], close: Callable[[], object]) -> None:
        whole = hashlib.sha256()
        for index, part in enumerate(self._parts):
            with self._changed:
                self._changed.wait_for(lambda index=index: index in self._ready)  # type: ignore[misc] # a default argument
                buffer = self._ready.pop(index)
            view = memoryview(buffer)[: part["bytes"]]
            whole.update(view)
            write_all(write, view)
            self._meter.add(len(view))
            self._free.put(buffer)
        self._check_whole(whole.hexdigest())
        close()

    def _check_whole(self, sha256: str) -> None:
        if self._offsets[-1] != self._artifact["bytes"] or sha256 != self._artifact["sha256"]:
            name = self._artifact["name"]
            raise AgentError("integrity", f"store: get {name}: its parts do not make up the whole that the manifest describes")
