"""Some things at once, that are begun in the main thread: only there may tools be started (see `processes`)."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def run(items: Iterable[T], begin: Callable[[T], Callable[[], R]], *, at_once: int) -> list[R]:
    """For each item, in order, have `begin` start it and give what ends it, which runs in a thread; so many at once.

    Return what came of them, in the order in which they ended. Raise the first error: nothing more is begun then, and what is
    under way goes on until the agent ends, which it does for an error.
    """
    ended: queue.SimpleQueue[concurrent.futures.Future[R]] = queue.SimpleQueue()
    results: list[R] = []
    running = 0

    def watch(finish: Callable[[], R]) -> None:
        future: concurrent.futures.Future[R] = concurrent.futures.Future()
        try:
            future.set_result(finish())
        except BaseException as error:  # it is raised again, in the main thread
            future.set_exception(error)
        ended.put(future)

    for item in items:
        if running == at_once:
            results.append(ended.get().result())
            running -= 1
        threading.Thread(target=watch, args=[begin(item)], daemon=True).start()
        running += 1
    results.extend(ended.get().result() for _ in range(running))
    return results
