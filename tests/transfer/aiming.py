"""A fault proxy that hits a chosen step of a conversation."""

from __future__ import annotations

import dataclasses
import re

from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Order, Request


@dataclasses.dataclass(frozen=True)
class Step:
    """Requests of one kind: their method, and a pattern that is searched for in path and query."""

    method: str
    pattern: str

    def is_of(self, request: Request) -> bool:
        """Say whether a request is one of them."""
        return request.method == self.method and bool(re.search(self.pattern, request.target))


class AimedProxy(FaultProxy):
    """Lets through whatever it is not aimed at."""

    def __init__(self, upstream_url: str) -> None:
        super().__init__(upstream_url, seed=1, share=0)
        self._aims: list[tuple[Step, str]] = []
        self._last: Step | None = None
        self._dead = False

    def aim(self, step: Step, kind: str, *, times: int) -> None:
        """Let the next so many requests of a step fail in that way."""
        self._aims = [(step, kind)] * times

    def die_at(self, step: Step) -> None:
        """Let nothing through any more once there is a request of that step."""
        self._last = step

    def rest(self) -> None:
        """Let everything through from now on."""
        self._aims, self._last, self._dead = [], None, False

    def choose(self, request: Request) -> Order | None:
        """Return what shall happen to a request."""
        self._dead = self._dead or (self._last is not None and self._last.is_of(request))
        if self._dead:
            return Order("drop", request.method, request.path, 0)
        if self._aims and self._aims[0][0].is_of(request):
            return Order(self._aims.pop()[1], request.method, request.path, 0)
        return super().choose(request)
