"""Tells the controller, at least every second, how far each stage is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

INTERVAL = 0.5


class Meter:
    """One stage that runs: counts its bytes. Used as a context manager, it begins and ends with the block."""

    def __init__(self, stage: str, total: int | None, emit: Callable[[dict[str, Any]], None]) -> None:
        self.stage = stage
        self.total = total
        self.bytes = 0
        self.seconds = 0.0
        self.running = False
        self._emit = emit
        self._lock = threading.Lock()
        self._started = 0.0
        self._last = (0.0, 0)

    def __enter__(self) -> Meter:
        self._started = time.monotonic()
        self._last = (self._started, 0)
        self.running = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.running = False
        self.seconds = time.monotonic() - self._started
        self.report()

    def add(self, count: int) -> None:
        """Count `count` more bytes."""
        with self._lock:
            self.bytes += count

    def report(self) -> None:
        """Emit one progress event."""
        now, so_far = time.monotonic(), self.bytes
        elapsed = max(now - self._last[0], 1e-3)
        rate = (so_far - self._last[1]) / elapsed
        self._last = (now, so_far)
        self._emit({"event": "progress", "stage": self.stage, "bytes": so_far, "rate": round(rate, 1), "total": self.total})


class Progress:
    """All stages of a job."""

    def __init__(self, emit: Callable[[dict[str, Any]], None]) -> None:
        self._emit = emit
        self._meters: list[Meter] = []
        threading.Thread(target=self._tick, name="progress", daemon=True).start()

    def stage(self, name: str, total: int | None = None) -> Meter:
        """Return the meter of a new stage, to be entered with `with`. `total`: bytes to expect, if that is known."""
        meter = Meter(name, total, self._emit)
        self._meters.append(meter)
        return meter

    def stages(self) -> list[dict[str, Any]]:
        """Return every stage so far as `manifest.Stage` takes them."""
        return [{"name": meter.stage, "seconds": round(meter.seconds, 3), "bytes": meter.bytes} for meter in self._meters]

    def _tick(self) -> None:
        while True:
            time.sleep(INTERVAL)
            for meter in list(self._meters):
                if meter.running:
                    meter.report()
