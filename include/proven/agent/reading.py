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
        label = f"{self.artifact} part {part['number']} from {self._store}"
        request = self._request

        def renew() -> dict[str, Any]:
            nonlocal request
            request = self._renew(request)
            return request

        for _ in range(2):
            if into:
                web.get_range(request, part["offset"], into, self._total, label, renew, self._throttle)
            if hashlib.sha256(into).hexdigest() == part["sha256"]:
                return
        hint = (
            f"Store {self._store} holds other bytes than were uploaded: its copy of this recovery point is lost. "
            "Take it from another store, or take a new backup."
        )
        raise AgentError("integrity", f"store: get {label}: checksum mismatch", hint=hint)

    def _renew(self, refused: dict[str, Any]) -> dict[str, Any]:
        """Return a request in place of one that was refused: threads whose request expires together ask once."""
        with self._lock:
            if self._request is refused:
                self._request = self._urls.get(self._store, self.artifact)
            return self._request


def locate(parts: Sequence[dict[str, Any]]) -> list[Part]:
    """Return the parts of an artifact, all of them and in order, with the offset at which each begins."""
    offsets = itertools.accumulate((part["bytes"] for part in parts), initial=0)
    return [{**part, "offset": offset} for part, offset in zip(parts, offsets, strict=False)]  # the last offset is the end
