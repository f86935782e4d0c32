"""One stream to several stores in one pass: each gets the same, and one that fails takes nobody with it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, Any, cast

import pytest

from include.proven import agent_client
from include.proven.agent import patience, protocol
from include.proven.agent.destinations import Destinations
from include.proven.agent.download import PartDownloader
from include.proven.agent.errors import AgentError
from include.proven.agent.pipeline import Pipeline
from include.proven.agent.progress import Meter
from include.proven.agent.upload import PartUploader
from include.proven.agent.urls import Urls
from include.proven.stores.contract import OutgoingPart
from tests.agent.jobs import Keys, backup_job, restore_job
from tests.agent.object_server import ObjectServer, Refusal, Signers, serving
from tests.servers.databases import DatabaseServer

PART_BYTES = 64 * 1024
CONTENT = hashlib.shake_256(b"content").digest(40 * PART_BYTES + 17)


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less between the tries."""
    monkeypatch.setattr(patience, "BACKOFF", 0.02)


class Sending:
    """One artifact that goes to servers, by their names."""

    def __init__(self, servers: Mapping[str, ObjectServer], *, parallel: int = 3, bandwidth: float = 0.0) -> None:
        self._signers = Signers({name: server.signer for name, server in servers.items()})
        stores = [protocol.JobStore(name=name, parallel=parallel, bandwidth=bandwidth) for name in servers]
        self.destinations = Destinations(stores)
        self.meter = Meter("upload", None, lambda event: None)
        self.urls = Urls(self._answer)
        self.uploader = PartUploader("a", self.urls, self.meter, self.destinations, part_bytes=PART_BYTES)

    def run(self, source: io.RawIOBase) -> dict[str, Any]:
        """Send a stream to its end and return the summary."""
        pipeline = Pipeline()
        self.uploader.attach(pipeline, cast("IO[bytes]", source))
        pipeline.run()
        return self.uploader.summary()

    def _answer(self, event: dict[str, Any]) -> None:
        store, artifact = event["store"], event["artifact"]
        if event["method"] == "GET":
            signed = [self._signers.sign_get(store, artifact)]
        else:
            signed = self._signers.sign_parts(store, artifact, [OutgoingPart(**part) for part in event["parts"]])
        requests = [
            {"number": part["number"], **dataclasses.asdict(one)} for part, one in zip(event["parts"], signed, strict=True)
        ]
        self.urls.answer({"store": store, "artifact": artifact, "method": event["method"], "requests": requests})


class Stream(io.RawIOBase):
    """A stream that does something once so much of it was read."""

    def __init__(self, content: bytes, after: int = -1, act: Callable[[], object] = lambda: None) -> None:
        self._inner = io.BytesIO(content)
        self._after = after
        self._act = act

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Give at most a part's worth."""
        if 0 <= self._after <= self._inner.tell():
            self._after = -1
            self._act()
        return self._inner.readinto(memoryview(buffer)[: PART_BYTES // 3])


def test_all_stores_get_the_same(objects: ObjectServer, others: ObjectServer) -> None:
    sending = Sending({"one": objects, "two": others})
    summary = sending.run(Stream(CONTENT))
    assert objects.whole("a") == others.whole("a") == CONTENT
    assert (summary["bytes"], summary["sha256"]) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert [part["number"] for part in summary["parts"]] == list(range(1, 42))
    assert sending.meter.bytes == len(CONTENT)
    assert sending.destinations.failures() == {}


@pytest.mark.parametrize("content", [b"", b"x", CONTENT[:PART_BYTES], CONTENT[: PART_BYTES + 1]])
def test_sizes_around_a_part(content: bytes, objects: ObjectServer, others: ObjectServer) -> None:
    summary = Sending({"one": objects, "two": others}).run(Stream(content))
    assert objects.whole("a") == others.whole("a") == content
    assert len(summary["parts"]) == -(-len(content) // PART_BYTES)


@pytest.mark.parametrize("number", [1, 20, 41])
def test_a_store_that_is_full_is_left_behind(number: int, objects: ObjectServer, others: ObjectServer) -> None:
    objects.faults["PUT", f"a/{number}"] = [507]
    sending = Sending({"one": objects, "two": others})
    sending.run(Stream(CONTENT))
    assert others.whole("a") == CONTENT
    [(name, failure)] = sending.destinations.failures().items()
    assert name == "one"
    assert failure["kind"] == "store"
    assert failure["what"].startswith(f"store: put a part {number} to one: 507 ")
    assert "tx-of-the-store" in failure["detail"]
    assert "full" in failure["hint"]


def test_a_store_that_dies_is_left_behind(hurry: None, objects: ObjectServer, others: ObjectServer) -> None:
    def die() -> None:
        objects.always = "reset"

    sending = Sending({"one": objects, "two": others})
    sending.run(Stream(CONTENT, 10 * PART_BYTES, die))
    assert others.whole("a") == CONTENT
    assert "no answer after 8 tries" in sending.destinations.failures()["one"]["what"]


def test_what_is_still_on_its_way_to_a_store_that_failed_is_not_waited_for(objects: ObjectServer, others: ObjectServer) -> None:
    objects.faults["PUT", "a/1"] = ["silent"]
    objects.faults["PUT", "a/2"] = [Refusal(503, retry_after="60")]
    objects.faults["PUT", "a/9"] = [507]
    sending, begun = Sending({"one": objects, "two": others}), time.monotonic()
    sending.run(Stream(CONTENT))
    assert time.monotonic() - begun < 10
    assert others.whole("a") == CONTENT
    assert "part 9 to one: 507" in sending.destinations.failures()["one"]["what"]


def test_all_stores_fail_and_the_first_error_is_told(objects: ObjectServer, others: ObjectServer) -> None:
    objects.faults["PUT", "a/1"] = [507]
    others.faults["PUT", "a/30"] = [413]
    with pytest.raises(AgentError, match="a part 1 to one: 507"):
        Sending({"one": objects, "two": others}).run(Stream(CONTENT))


def test_the_slowest_store_sets_the_pace(objects: ObjectServer, others: ObjectServer) -> None:
    """Else all that it has not got yet would have to be kept."""
    others.open.clear()
    sending = Sending({"one": objects, "two": others})
    thread = threading.Thread(target=sending.run, args=[Stream(CONTENT)])
    thread.start()
    time.sleep(1)
    ahead = len(objects.parts["a"])
    others.open.set()
    thread.join(20)
    assert 1 <= ahead <= 4
    assert objects.whole("a") == others.whole("a") == CONTENT


def test_a_stream_that_breaks_ends_all_of_it(objects: ObjectServer, others: ObjectServer) -> None:
    def die() -> None:
        raise AgentError("source", "the dump died")

    others.faults["PUT", "a/2"] = ["silent"]
    begun = time.monotonic()
    with pytest.raises(AgentError, match="the dump died"):
        Sending({"one": objects, "two": others}).run(Stream(CONTENT, 3 * PART_BYTES, die))
    assert time.monotonic() - begun < 10


def test_a_limit_holds_for_what_really_goes(objects: ObjectServer) -> None:
    rate, begun = 2 * len(CONTENT), time.monotonic()
    Sending({"one": objects}, bandwidth=rate).run(Stream(CONTENT))
    assert time.monotonic() - begun >= len(CONTENT) / rate * 0.85


def test_a_large_part_comes_in_ranges_by_all_threads(objects: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.proven.agent.download.RANGE_BYTES", 10_000)
    sending = Sending({"one": objects})
    summary = sending.run(Stream(CONTENT))
    objects.faults["GET", "a"] = ["corrupt", "cut", "slow", 503]
    request = dataclasses.asdict(objects.signer.sign_get("one", "a"))
    artifact = cast("protocol.StoredArtifact", {"name": "a", "request": request, **summary})
    came, pipeline = io.BytesIO(), Pipeline()
    store = protocol.JobStore(name="one", parallel=4, bandwidth=0.0)
    PartDownloader(artifact, store, sending.urls, sending.meter).attach(pipeline, came.write, lambda: None)
    pipeline.run()
    assert came.getvalue() == CONTENT
    assert max(last - first for first, last in objects.ranges[:8]) < 10_000


def test_a_backup_in_several_stores_comes_back_from_each(
    mariadb_source: DatabaseServer, objects: ObjectServer, others: ObjectServer, keys: Keys, tmp_path: Any
) -> None:
    mariadb_source.drop_schemas()
    mariadb_source.sql("CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('kept twice')", mariadb_source.fresh_schema())
    stores = [protocol.JobStore(name=name, parallel=2, bandwidth=0.0) for name in ("one", "two", "full")]
    job = backup_job(mariadb_source.endpoint, mariadb_source.tools, keys, stores=stores)
    with serving(ObjectServer()) as full:
        full.always = 507
        signers = Signers({"one": objects.signer, "two": others.signer, "full": full.signer})
        result = agent_client.run(job, signer=signers)
    assert result["failed"].keys() == {"full"}
    for server in (objects, others):
        output = tmp_path / str(server.server_address[1])
        agent_client.run(restore_job(result, server, keys, mariadb_source.tools, None, str(output)))
        assert b"kept twice" in output.read_bytes()
