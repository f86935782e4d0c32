"""Many requests to one store at once, where that is any faster."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from include.proven.stores.contract import Store
from include.proven.stores.directory import DirectoryStore

REQUESTS = 16
"""To one store at the same time; each thread logs in once, so `FEW` are not worth it."""
FEW = 8
T = TypeVar("T")
U = TypeVar("U")
Pool = concurrent.futures.Executor | None


@contextlib.contextmanager
def open_pool(store: Store, requests: int) -> Iterator[Pool]:
    """Yield threads for about so many requests to a store; None where they would not be any faster."""
    if requests < FEW or isinstance(store, DirectoryStore):
        yield None
        return
    with concurrent.futures.ThreadPoolExecutor(REQUESTS) as pool:
        yield pool


def map_at_once(pool: Pool, work: Callable[[T], U], items: Iterable[T]) -> list[U]:
    """Return what comes of each item, in their order. Without a pool one after the other.

    Raise the first error; what has not begun then never begins.
    """
    return [work(item) for item in items] if pool is None else list(pool.map(work, items))
