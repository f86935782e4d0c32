"""Work on many items, several at once; the first error ends all of it."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterable
from typing import TypeVar

from .halt import Halt

T = TypeVar("T")
SHARE = 4
"""At most one of so many items is under way at once: a kill loses no more of the work than that."""


def count_threads(most: int, items: int) -> int:
    """Return how many threads, `most` or fewer, may share so many items."""
    return max(1, min(most, items // SHARE))


def do_each(items: Iterable[T], work: Callable[[T], object], *, threads: int, halt: Halt) -> None:
    """Call `work` for each item, in their order, so many at once, and return when all are done.

    Raise the first error; `halt` is stopped then, and what has not begun never begins.
    """
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    try:
        for done in concurrent.futures.as_completed([pool.submit(work, item) for item in items]):
            done.result()
    except BaseException:
        halt.stop()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
