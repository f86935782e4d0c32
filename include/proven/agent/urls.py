"""Pre-signed requests, asked of the controller one by one: only for what is ready to go, so that each is as fresh as can be."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from typing import Any

from .errors import AgentError

WAIT = 120.0
"""Seconds that the controller may take: it may have to ask a slow store, or log in anew."""

Key = tuple[str, str, str, int]
"""Store, artifact, method, number."""


class Urls:
    """What the controller signs for us. `ask(event)` sends it a request, `answer` takes in what comes back."""

    def __init__(self, ask: Callable[[dict[str, Any]], None]) -> None:
        self._ask = ask
        self._changed = threading.Condition()
        # Several threads may ask for the same at once, and each must get an answer.
        self._ready: dict[Key, list[dict[str, Any]]] = collections.defaultdict(list)

    def put(self, store: str, artifact: str, part: dict[str, Any]) -> dict[str, Any]:
        """Return a PUT for a part: number, offset, bytes, sha256, md5. Raise AgentError as the controller says it."""
        return self._request(store, artifact, "PUT", part)

    def get(self, store: str, artifact: str) -> dict[str, Any]:
        """Return a new GET of the whole in place of one that was refused. Raise AgentError as the controller says it."""
        return self._request(store, artifact, "GET", {"number": 0})

    def answer(self, message: dict[str, Any]) -> None:
        """Take in a line of the controller."""
        place = message["store"], message["artifact"], message["method"]
        with self._changed:
            for given in message["requests"]:
                self._ready[(*place, given["number"])].append(given)
            self._changed.notify_all()

    def _request(self, store: str, artifact: str, method: str, part: dict[str, Any]) -> dict[str, Any]:
        self._ask({"event": "urls", "store": store, "artifact": artifact, "method": method, "parts": [part]})
        key = store, artifact, method, part["number"]
        with self._changed:
            if not self._changed.wait_for(lambda: self._ready[key], WAIT):
                what = f"store {store}: no URL for {artifact} from the controller within {WAIT:.0f} s"
                raise AgentError("store", what)
            given = self._ready[key].pop()
            if not self._ready[key]:
                del self._ready[key]
        if error := given.get("error"):
            raise AgentError(error["kind"], error["what"], detail=error["detail"], hint=error["hint"])
        return given
