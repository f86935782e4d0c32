"""Part sizes within every store's limits, and buffers within their memory, whatever comes."""

from __future__ import annotations

import random
import threading
import time
from concurrent import futures

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.proven.agent import parts, protocol
from include.proven.agent.throttle import Throttle

MIB, GB = 1 << 20, 10**9
FIRST = st.integers(protocol.PART_BYTES, parts.LARGEST)


@given(FIRST)
def test_ten_thousand_parts_hold_the_largest_object_there_can_be(first: int) -> None:
    sizes = [parts.size_of_part(number, first) for number in range(1, parts.MOST + 1)]
    assert sum(sizes) >= 5 << 40
    assert sizes == sorted(sizes)
    assert sizes[0] == first
    assert sizes[-1] < 5 * GB


def test_an_ordinary_backup_has_small_parts() -> None:
    assert parts.size_of_part(600, protocol.PART_BYTES) == protocol.PART_BYTES
    assert parts.size_of_part(601, protocol.PART_BYTES) == 2 * protocol.PART_BYTES


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=60),
    threads=st.integers(1, 6),
    memory=st.integers(1, 600),
    seed=st.integers(),
)
def test_buffers_never_take_more_memory_than_they_may_and_nobody_waits_for_ever(
    sizes: list[int], threads: int, memory: int, seed: int
) -> None:
    """Several threads take them in order and give them back in any, as a download does."""
    sizes = sorted(sizes)
    buffers, turns, out, most = parts.Buffers(threads + 1, memory), iter(sizes), [0], [0]
    turn, counting, pauses = threading.Lock(), threading.Lock(), random.Random(seed)

    def work() -> None:
        while True:
            with turn:
                if (size := next(turns, None)) is None:
                    return
                buffer = buffers.take(size)
            with counting:
                out[0] += len(buffer)
                most[0] = max(most[0], out[0])
            time.sleep(pauses.random() / 2000)
            with counting:
                out[0] -= len(buffer)
            buffers.give(buffer)

    with futures.ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result(timeout=20)
    assert most[0] <= max(memory, sum(sizes[-2:]))


@pytest.mark.parametrize("threads", [1, 4])
def test_a_limit_is_kept_by_all_threads_together(threads: int) -> None:
    throttle, count = Throttle(4 * MIB), 2 * MIB
    begun = time.monotonic()

    def send() -> None:
        for _ in range(count // threads // throttle.piece):
            throttle.pass_through(throttle.piece)

    with futures.ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(send)
    # The last pieces have been let go, and their time has not passed.
    assert time.monotonic() - begun >= (count - threads * throttle.piece) / (4 * MIB) * 0.85


def test_nobody_is_silent_for_long_under_a_small_limit() -> None:
    throttle, silences = Throttle(64 * 1024), []

    def send() -> None:
        last = time.monotonic()
        for _ in range(4):
            throttle.pass_through(throttle.piece)
            silences.append(time.monotonic() - last)
            last = time.monotonic()

    with futures.ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(send) for _ in range(16)]:
            done.result(20)
    assert max(silences) < 5


def test_no_limit_is_no_wait() -> None:
    begun = time.monotonic()
    Throttle(0).pass_through(1 << 40)
    assert time.monotonic() - begun < 1
