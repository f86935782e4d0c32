"""What the agent does with a store's pre-signed requests, done by the agent's own code in this process."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import pathlib
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from include.proven.agent import protocol, web
from include.proven.agent.destinations import Destinations
from include.proven.agent.download import PartDownloader
from include.proven.agent.pipeline import Pipeline
from include.proven.agent.progress import Meter
from include.proven.agent.throttle import Throttle
from include.proven.agent.upload import PartUploader
from include.proven.agent.urls import Urls
from include.proven.manifest import Part
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store, Upload

NAME = "artifact"
BLOCK = 1 << 20


class Noise(io.RawIOBase):
    """A stream of bytes that nothing can compress, made as it is read; it never is in memory as a whole."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._random = random.Random(size)
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with the next bytes."""
        block = self._random.randbytes(min(len(buffer), self._left, BLOCK))
        buffer[: len(block)] = block
        self._left -= len(block)
        self._hash.update(block)
        return len(block)

    def sha256(self) -> str:
        """Return the digest of what was read so far."""
        return self._hash.hexdigest()


def send_part(request: SignedRequest, body: bytes, label: str = "part") -> None:
    """Send one part. Raise AgentError if the store refuses."""
    web.put(lambda: dataclasses.asdict(request), memoryview(body), label, Throttle(0))


def receive(request: SignedRequest, total: int, first: int = 0, count: int | None = None) -> bytes:
    """Return `count` bytes (default: all) of an object of `total` bytes from `first` on. Raise AgentError."""
    into = bytearray(total - first if count is None else count)
    if into:
        asked = dataclasses.asdict(request)
        web.get_range(asked, first, memoryview(into), total, "object", lambda: asked, Throttle(0))
    return bytes(into)


def send_stream(store: Store, upload: Upload, source: io.RawIOBase, *, part_bytes: int) -> list[Part]:
    """Cut a stream into parts, send them all, several at once, and return them."""
    job = protocol.JobStore(name=store.name, parallel=4, bandwidth=0.0)
    urls = Urls(lambda event: urls.answer(_answer(store, upload, event)))
    uploader = PartUploader(NAME, urls, _meter(), Destinations([job]), part_bytes=part_bytes)
    pipeline = Pipeline()
    uploader.attach(pipeline, source)  # type: ignore[arg-type] # a raw stream, as the end of a pipe is
    pipeline.run()
    return [Part.model_validate(part) for part in uploader.summary()["parts"]]


def download(store: Store, key: str, parts: Sequence[Part], sha256: str) -> str:
    """Fetch an artifact, all its parts checked, and return the digest of what came. Raise AgentError as a restore does."""
    job = protocol.JobStore(name=store.name, parallel=4, bandwidth=0.0)
    artifact = protocol.StoredArtifact(
        name=NAME,
        request=dataclasses.asdict(store.presign_get(key)),
        bytes=sum(part.bytes for part in parts),
        sha256=sha256,
        parts=[part.model_dump() for part in parts],
    )
    urls = Urls(lambda event: urls.answer({**_place(event), "requests": [_as_answer(0, store.presign_get(key))]}))
    came, pipeline = hashlib.sha256(), Pipeline()
    PartDownloader(artifact, job, urls, _meter()).attach(pipeline, came.update, lambda: None)
    pipeline.run()
    return came.hexdigest()


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Yield a list that holds, after the block, by how many bytes the block has made this process grow at most."""
    grown: list[int] = []
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # see proc(5): the peak begins anew
    before = _memory("VmRSS")
    yield grown
    grown.append(_memory("VmHWM") - before)


def _memory(field: str) -> int:
    status = pathlib.Path("/proc/self/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def _answer(store: Store, upload: Upload, event: dict[str, Any]) -> dict[str, Any]:
    parts = [OutgoingPart(**part) for part in event["parts"]]
    signed = zip(parts, store.presign_parts(upload, parts), strict=True)
    return {**_place(event), "requests": [_as_answer(part.number, request) for part, request in signed]}


def _place(event: dict[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in ("store", "artifact", "method")}


def _as_answer(number: int, request: SignedRequest) -> dict[str, Any]:
    return {"number": number, **dataclasses.asdict(request)}


def _meter() -> Meter:
    return Meter(NAME, None, lambda event: None)
