"""The stores that one job sends to: one that fails is left behind, and the job goes on while another is left."""

from __future__ import annotations

import threading

from .errors import AgentError
from .protocol import JobStore


class Destinations:
    """Which stores still get what is sent."""

    def __init__(self, stores: list[JobStore]) -> None:
        self._lock = threading.Lock()
        self._stores = stores
        self._failed: dict[str, AgentError] = {}

    def remaining(self) -> list[JobStore]:
        """Return the stores that have not failed."""
        with self._lock:
            return [store for store in self._stores if store["name"] not in self._failed]

    def has(self, name: str) -> bool:
        """Say whether the store of that name has not failed."""
        with self._lock:
            return name not in self._failed

    def drop(self, name: str, error: AgentError) -> None:
        """Leave a store behind. Raise the first store's error if no other is left."""
        with self._lock:
            self._failed.setdefault(name, error)
            none_left = len(self._failed) == len(self._stores)
            first = next(iter(self._failed.values()))
        if none_left:
            raise first

    def failures(self) -> dict[str, dict[str, str]]:
        """Return what happened to each store that was left behind."""
        with self._lock:
            return {
                name: {"kind": error.kind, "what": error.what, "detail": error.detail, "hint": error.hint}
                for name, error in self._failed.items()
            }
