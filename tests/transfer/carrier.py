"""Carries one stream to a store or back with the agent's code, in either of the ways in which Proven does it.

`send` and `receive` are a backup's and a restore's: a stream is cut and sent by `PartUploader`, fetched by `PartDownloader`.
`copy` and `fetch` start real agents with the jobs of these names. Who calls them signs and commits as a controller does.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import multiprocessing
import os
import pathlib
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import requests

from include.proven import agent_client, errors
from include.proven.agent import protocol
from include.proven.agent.destinations import Destinations
from include.proven.agent.download import PartDownloader
from include.proven.agent.errors import AgentError
from include.proven.agent.pipeline import Pipeline
from include.proven.agent.progress import Meter
from include.proven.agent.upload import PartUploader
from include.proven.agent.urls import Urls
from include.proven.manifest import Part
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store, Upload
from tests.transfer.places import Address

T = TypeVar("T")

NAME = "dump"
SETTINGS = protocol.JobStore(name="store", parallel=4, bandwidth=0.0)
Sender = Callable[[Address, str, pathlib.Path, int], "Described"]
"""`send` or `copy`"""
Receiver = Callable[[Address, str, "Described", pathlib.Path], None]
"""`receive` or `fetch`"""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


@dataclasses.dataclass(frozen=True)
class Described:
    """What an artifact's manifest says of it."""

    bytes: int
    sha256: str
    parts: list[dict[str, Any]]

    @classmethod
    def of(cls, content: memoryview, part_bytes: int) -> Described:
        """Describe a content that is cut into parts of that size."""
        pieces = [content[start : start + part_bytes] for start in range(0, len(content), part_bytes)]
        parts = [
            {"number": number, "bytes": len(piece), "sha256": sha256(piece), "md5": md5(piece)}
            for number, piece in enumerate(pieces, 1)
        ]
        return cls(len(content), sha256(content), parts)

    def artifact(self, request: SignedRequest) -> protocol.StoredArtifact:
        """Return it as a job takes it, to be read by this request."""
        return protocol.StoredArtifact(
            name=NAME, request=dataclasses.asdict(request), bytes=self.bytes, sha256=self.sha256, parts=self.parts
        )


def sha256(content: memoryview | bytes) -> str:
    """Return a digest in hex."""
    return hashlib.sha256(content).hexdigest()


def md5(content: memoryview) -> str:
    """Return a digest in hex."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def apart(work: Callable[..., T], *arguments: Any) -> T:
    """Do some work in a process that ends with it, as the agent's does: no thread of it goes on sending after a failure.

    Raise the ProvenError that it raises, the one that a controller makes of its AgentError, and AssertionError for all else.
    """
    here, there = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_work, args=(there, work, arguments))
    process.start()
    there.close()
    try:
        outcome, value = here.recv()
    except EOFError:
        outcome, value = "crash", "it died"
    process.join()
    if outcome == "error":
        raise errors.from_agent(value)
    assert outcome == "done", value
    result: T = value
    return result


def _work(pipe: Connection, work: Callable[..., T], arguments: Sequence[Any]) -> None:
    try:
        pipe.send(("done", work(*arguments)))
    except errors.ProvenError as error:
        pipe.send(("error", errors.to_agent(error)))
    except AgentError as error:
        pipe.send(("error", {"kind": error.kind, "what": error.what, "detail": error.detail, "hint": error.hint}))
    except BaseException:
        pipe.send(("crash", traceback.format_exc()))
    finally:
        os._exit(0)


class Here(Urls):
    """What a controller says, without a pipe between."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(lambda event: None)
        self._controller = controller

    def put(self, store: str, artifact: str, part: dict[str, Any]) -> dict[str, Any]:
        """Return a PUT for a part."""
        return self._told(lambda: self._controller.sign_parts(store, artifact, [OutgoingPart(**part)])[0])

    def get(self, store: str, artifact: str) -> dict[str, Any]:
        """Return a new GET."""
        return self._told(lambda: self._controller.sign_get(store, artifact))

    def _told(self, sign: Callable[[], SignedRequest]) -> dict[str, Any]:
        try:
            return dataclasses.asdict(sign())
        except errors.ProvenError as error:
            raise AgentError(**errors.to_agent(error)) from None


@dataclasses.dataclass
class Controller:
    """Signs for one object (`agent_client.Signer`)."""

    store: Store
    upload: Upload

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return a PUT for each part."""
        return self.store.presign_parts(self.upload, parts)

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Return a new GET."""
        return self.store.presign_get(self.upload.key)


def send(address: Address, key: str, source: pathlib.Path, part_bytes: int) -> Described:
    """Send a file as a backup sends its stream, commit it, and say what it is. Raise AgentError or ProvenError."""
    store = address.open()
    upload, pipeline = store.begin_upload(key), Pipeline()
    with source.open("rb", buffering=0) as stream:
        uploader = PartUploader(NAME, Here(Controller(store, upload)), meter(), Destinations([SETTINGS]), part_bytes=part_bytes)
        uploader.attach(pipeline, stream)
        pipeline.run()
    described = Described(**uploader.summary())
    store.commit_upload(upload, [Part.model_validate(part) for part in described.parts])
    return described


def receive(address: Address, key: str, described: Described, target: pathlib.Path) -> None:
    """Write an object to a file as a restore reads it. Raise AgentError or ProvenError."""
    store, pipeline = address.open(), Pipeline()
    artifact, urls = described.artifact(store.presign_get(key)), Here(Controller(store, Upload(key)))
    with target.open("wb", buffering=0) as sink:
        PartDownloader(artifact, SETTINGS, urls, meter()).attach(pipeline, sink.write, sink.flush)
        pipeline.run()


def copy(address: Address, key: str, source: pathlib.Path, part_bytes: int) -> Described:
    """Send a file through a real agent's job `copy`, commit it, and say what it is. Raise ProvenError."""
    described = Described.of(memoryview(source.read_bytes()), part_bytes)
    store = address.open()
    upload = store.begin_upload(key)
    artifact = described.artifact(SignedRequest("GET", source.as_uri()))
    job = {"job": "copy", "source": {**SETTINGS, "name": "here"}, "target": SETTINGS}
    missing = [part["number"] for part in described.parts]
    _run({**job, "artifacts": [{**artifact, "missing": missing}]}, Controller(store, upload))
    store.commit_upload(upload, [Part.model_validate(part) for part in described.parts])
    return described


def fetch(address: Address, key: str, described: Described, target: pathlib.Path) -> None:
    """Bring an object into a file through a real agent's job `fetch`. Raise ProvenError."""
    store, folder = address.open(), target.with_suffix(".fetched")
    folder.mkdir()
    artifact = described.artifact(store.presign_get(key))
    _run({"job": "fetch", "store": SETTINGS, "folder": str(folder), "artifacts": [artifact]}, Controller(store, Upload(key)))
    (folder / NAME).rename(target)


def _run(job: dict[str, Any], controller: Controller) -> None:
    agent_client.run({"protocol": protocol.VERSION, **job}, signer=controller)


def meter() -> Meter:
    """Return a meter that nobody reads."""
    return Meter(NAME, None, lambda event: None)


def read_back(store: Store, key: str) -> str:
    """Return the digest of an object, read by a library that is not ours."""
    request, digest = store.presign_get(key), hashlib.sha256()
    with requests.get(request.url, headers=request.headers, stream=True, timeout=60) as answer:
        assert answer.status_code == 200, answer.text
        for block in answer.iter_content(io.DEFAULT_BUFFER_SIZE * 128):
            digest.update(block)
    return digest.hexdigest()
