"""Pre-signed requests: asked of the controller ahead of need, so that an upload never waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .errors import AgentError

BATCH = 16
WAIT = 120.0


class Urls:
    """What the controller has signed so far. `ask(artifact, numbers)` sends it a request, `answer` brings one back."""

    def __init__(self, ask: Callable[[str, list[int]], None]) -> None:
        self._ask = ask
        self._changed = threading.Condition()
        self._ready: dict[tuple[str, int], dict[str, Any] | None] = {}
        self._asked: dict[str, int] = {}

    def take(self, artifact: str, number: int) -> dict[str, Any]:
        """Return the request for part `number` (1 …) and ask for the next batch when fewer than half of one are left.

        Raise AgentError (store) if the controller gives none.
        """
        with self._changed:
            asked = self._asked.get(artifact, 0)
            short = number > asked - BATCH // 2
            if short:
                self._asked[artifact] = asked + BATCH
        if short:
            self._ask(artifact, list(range(asked + 1, asked + BATCH + 1)))
        request = self._await(artifact, number)
        if request is None:
            raise AgentError("store", f"store: no URL for part {number} of {artifact} from the controller")
        return request

    def renew(self, artifact: str, number: int) -> dict[str, Any] | None:
        """Return a new request in place of one that was refused (part 0: the GET of the whole), or None if there is none."""
        self._ask(artifact, [number])
        return self._await(artifact, number)

    def answer(self, message: dict[str, Any]) -> None:
        """Take in a line of the controller. Numbers that were asked for and not answered mean: there is none."""
        with self._changed:
            given = {request["number"]: request for request in message["requests"]}
            for number in message.get("numbers", given):
                self._ready[message["artifact"], number] = given.get(number)
            self._changed.notify_all()

    def _await(self, artifact: str, number: int) -> dict[str, Any] | None:
        with self._changed:
            if not self._changed.wait_for(lambda: (artifact, number) in self._ready, WAIT):
                raise AgentError(
                    "store", f"store: no URL for part {number} of {artifact} from the controller within {WAIT:.0f} s"
                )
            return self._ready.pop((artifact, number))
