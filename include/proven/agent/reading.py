"""The parts of an artifact as a store holds them: none is handed on before its checksum was right."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Sequence
from typing import Any

from . import web
from .errors import AgentError
from .protocol import StoredArtifact
from .throttle import Throttle
from .urls import Urls

Part = dict[str, Any]
"""number, offset, bytes, sha256, md5"""


class PartReader:
    """Reads the parts of one artifact, in any order, from several threads."""

    def __init__(self, artifact: StoredArtifact, store: str, urls: Urls, throttle: Throttle) -> None:
        self.artifact = artifact["name"]
        self.parts = locate(artifact["parts"])
        self._store = store
        self._urls = urls
        self._throttle = throttle
        self._total = artifact["bytes"]
        self._lock = threading.Lock()
        self._request = artifact["request"]

    def read(self, part: Part, into: memoryview) -> None:
        """Fill `into` with a part. Raise AgentError (integrity) if its checksum is wrong, and the second time too."""
        self.fill(part, 0, into)
        self.settle(part, into)

    def fill(self, part: Part, start: int, into: memoryview) -> None:
        """Fill `into` with what a part has from its byte `start` on; it counts only after `settle`."""
        if not into:
            return  # no range is empty
        request = self._request

        def renew() -> dict[str, Any]:
            nonlocal request
            request = self._renew(request)
            return request

        web.get_range(request, part["offset"] + start, into, self._total, self._label(part), renew, self._throttle)

    def settle(self, part: Part, into: memoryview) -> None:
        """Verify a part that `into` holds; fetch it anew, once, if it is wrong. Raise AgentError as `read` does."""
        if _is_right(part, into):
            return
        self.fill(part, 0, into)
        if not _is_right(part, into):
            hint = (
                f"Store {self._store} holds other bytes than were uploaded: its copy of this recovery point is lost. "
                "Take it from another store, or take a new backup."
            )
            raise AgentError("integrity", f"store: get {self._label(part)}: checksum mismatch", hint=hint)

    def _label(self, part: Part) -> str:
        return f"{self.artifact} part {part['number']} from {self._store}"

    def _renew(self, refused: dict[str, Any]) -> dict[str, Any]:
        """Return a request in place of one that was refused: threads whose request expires together ask once."""
        with self._lock:
            if self._request is refused:
                self._request = self._urls.get(self._store, self.artifact)
            return self._request


def _is_right(part: Part, content: memoryview) -> bool:
    return bool(hashlib.sha256(content).hexdigest() == part["sha256"])


def locate(parts: Sequence[dict[str, Any]]) -> list[Part]:
    """Return the parts of an artifact, all of them and in order, with the offset at which each begins."""
    offsets = itertools.accumulate((part["bytes"] for part in parts), initial=0)
    return [{**part, "offset": offset} for part, offset in zip(parts, offsets)]  # the last offset is the end
