"""Ends a task that is told to stop, so that what it began is undone while its process still lives."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from airflow.sdk.exceptions import AirflowTaskTerminated


@contextlib.contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Raise AirflowTaskTerminated inside the block when the task is marked failed, cleared or shut down.

    Airflow's own handler calls `on_kill` and lets the work go on until SIGKILL, 5 s later: no `except`, no `finally` runs.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise AirflowTaskTerminated("the task was told to stop")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
