"""One part over HTTP: what passes is tried again, what was sent is not sent twice, and nobody waits for what is over."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven.agent import patience, web
from include.proven.agent.errors import AgentError
from include.proven.agent.halt import Halt
from include.proven.agent.throttle import Throttle
from include.proven.stores.contract import OutgoingPart
from tests.agent.object_server import ObjectServer, Refusal

BODY = bytes(range(256)) * 4096
PART = ("PUT", "a/1")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less between the tries; how often is the same."""
    monkeypatch.setattr(patience, "BACKOFF", 0.02)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the first failure the last."""
    monkeypatch.setattr(patience, "TRIES", 1)


def put(objects: ObjectServer, number: int = 1, halt: Halt | None = None, body: bytes = BODY) -> None:
    sums = hashlib.sha256(body).hexdigest(), hashlib.md5(body, usedforsecurity=False).hexdigest()
    part = OutgoingPart(number, 0, len(body), *sums)

    def sign() -> dict[str, Any]:
        return dataclasses.asdict(objects.signer.sign_parts("store", "a", [part])[0])

    web.put(sign, memoryview(body), f"a part {number}", Throttle(0), halt=halt)


def get(objects: ObjectServer, first: int, count: int) -> bytes:
    def sign() -> dict[str, Any]:
        return dataclasses.asdict(objects.signer.sign_get("store", "a"))

    into = bytearray(count)
    web.get_range(sign(), first, memoryview(into), len(objects.whole("a")), "a part 1", sign, Throttle(0))
    return bytes(into)


def tries(objects: ObjectServer) -> int:
    return sum((method, path) == PART for method, path, _ in objects.seen)


def test_a_connection_is_kept(objects: ObjectServer) -> None:
    for number in range(1, 6):
        put(objects, number)
        assert get(objects, 10, 20) == BODY[10:30]
    assert objects.connections == 1


def test_a_refusal_that_was_read_keeps_the_connection(objects: ObjectServer) -> None:
    objects.faults[PART] = [Refusal(503), Refusal(429)]
    put(objects)
    assert objects.connections == 1


@pytest.mark.parametrize("fault", ["leaves", "stale"])
def test_a_store_may_close_a_connection_that_nobody_uses(fault: str, objects: ObjectServer, once: None) -> None:
    objects.faults[PART] = [fault, fault, fault]
    for _ in range(3):
        put(objects)
    assert objects.whole("a") == BODY


def test_a_connection_that_breaks_while_it_is_new_is_a_failure(objects: ObjectServer, once: None) -> None:
    objects.faults[PART] = ["reset"]
    with pytest.raises(AgentError, match="a part 1: no answer after 1 tries"):
        put(objects)


@pytest.mark.parametrize("fault", [408, 409, 422, 429, 500, 502, 503, 504, Refusal(400, "RequestTimeout"), "reset", "lies"])
def test_what_may_pass_is_tried_again(fault: Any, objects: ObjectServer) -> None:
    objects.faults[PART] = [fault] * 2
    put(objects)
    assert tries(objects) == 3
    assert objects.whole("a") == BODY


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"])
def test_bytes_that_were_damaged_on_the_way_are_sent_again(code: str, objects: ObjectServer) -> None:
    objects.faults[PART] = [Refusal(400, code)]
    put(objects)
    assert tries(objects) == 2


@pytest.mark.parametrize(
    "refusal",
    [Refusal(400, "InvalidPart"), Refusal(404, "NoSuchUpload"), Refusal(412, "PreconditionFailed"), Refusal(501), Refusal(507)],
)
def test_what_no_retry_can_change_is_told_at_once(refusal: Refusal, objects: ObjectServer) -> None:
    objects.faults[PART] = [refusal]
    with pytest.raises(AgentError) as caught:
        put(objects)
    assert f"store: put a part 1: {refusal.status} " in caught.value.what
    assert refusal.code in caught.value.what
    assert "SECRET" not in str(vars(caught.value))
    assert tries(objects) == 1


def test_a_store_that_stays_down_is_given_up_after_eight_tries(objects: ObjectServer) -> None:
    objects.faults[PART] = [503] * 99
    with pytest.raises(AgentError, match="a part 1: 503"):
        put(objects)
    assert tries(objects) == 8


def test_a_store_that_stays_down_is_given_up_after_a_while(objects: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GIVE_UP_AFTER", 0.5)
    objects.faults[PART] = [Refusal(503, retry_after="1")] * 99
    with pytest.raises(AgentError, match="a part 1: 503"):
        put(objects)
    assert tries(objects) == 2


def test_a_store_that_asks_for_time_gets_it(objects: ObjectServer) -> None:
    objects.faults[PART] = [Refusal(503, retry_after="1")]
    begun = time.monotonic()
    put(objects)
    assert 1 <= time.monotonic() - begun < 10


def test_a_store_does_not_get_all_the_time_that_it_asks_for(objects: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_RETRY_AFTER", 0.1)
    objects.faults[PART] = [Refusal(503, retry_after="Wed, 21 Oct 2065 07:28:00 GMT"), Refusal(503, retry_after="9999")]
    put(objects)
    assert tries(objects) == 3


def test_a_url_that_expires_is_signed_anew_once(objects: ObjectServer) -> None:
    objects.faults[PART] = [401]
    put(objects)
    assert len(objects.signer.signed) == 2
    objects.faults[PART] = [403, 403, 403]
    with pytest.raises(AgentError, match="403"):
        put(objects)
    assert len(objects.signer.signed) == 4


def test_a_url_that_expires_in_its_turn_is_signed_anew(objects: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "FRESH", 0.0)
    objects.faults[PART] = [403, 403, 403]
    put(objects)
    assert len(objects.signer.signed) == 4
    objects.faults[PART] = [403] * 99
    with pytest.raises(AgentError, match="403"):
        put(objects)


def test_a_download_goes_on_where_it_broke_off(objects: ObjectServer) -> None:
    put(objects)
    objects.faults["GET", "a"] = ["cut", "cut"]
    assert get(objects, 0, len(BODY)) == BODY
    size = len(BODY)
    assert objects.ranges == [(0, size - 1), (size // 2, size - 1), (size // 2 + size // 4, size - 1)]


def test_a_download_that_gets_on_is_never_given_up(objects: ObjectServer) -> None:
    put(objects)
    objects.faults["GET", "a"] = ["cut"] * 12
    assert get(objects, 0, len(BODY)) == BODY


@contextlib.contextmanager
def in_thread(work: Any) -> Iterator[list[BaseException]]:
    """Run `work` beside the block and yield what it raises, which is there after the block."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except AgentError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield raised
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("fault", ["silent", Refusal(503, retry_after="60")])
def test_what_is_halted_ends_at_once(fault: Any, objects: ObjectServer) -> None:
    objects.faults[PART] = [fault]
    halt = Halt()
    with in_thread(lambda: put(objects, halt=halt)) as raised:
        deadline = time.monotonic() + 10
        while not objects.seen and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        halt.stop()
    assert [error.kind for error in raised if isinstance(error, AgentError)] == ["stopped"]
    with pytest.raises(AgentError, match="failed already"):
        put(objects, halt=halt)


def test_threads_do_not_share_a_connection(objects: ObjectServer) -> None:
    bodies = {number: bytes([number]) * 300_000 for number in range(1, 9)}

    def send(number: int) -> None:
        for _ in range(5):
            put(objects, number, body=bodies[number])

    with contextlib.ExitStack() as stack:
        raised = [stack.enter_context(in_thread(functools.partial(send, number))) for number in bodies]
    assert raised == [[]] * 8
    assert objects.parts["a"] == bodies
    assert objects.connections <= 8
