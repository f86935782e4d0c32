"""swiftclient's connection, that takes an answer only if it is whole.

swiftclient tries again when it gets no answer, but not when one breaks off in its midst; and an answer that a proxy between has
cut short, with a length that fits, it takes as it is: a listing's JSON then makes no sense, and a record is a shorter one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import requests
import swiftclient
import urllib3.exceptions

MD5 = re.compile(r'"?([0-9a-f]{32})"?')
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/\d+")
BROKEN = (urllib3.exceptions.HTTPError, json.JSONDecodeError, UnicodeDecodeError)


class Connection(swiftclient.Connection):  # type: ignore[misc]  # swiftclient has no type hints
    """Tries again when half an answer came, as swiftclient does when none came."""

    def get_capabilities(self, url: str | None = None) -> dict[str, Any]:
        """Return what the cluster can do; unlike swiftclient's own, with retries."""
        found: dict[str, Any] = self._retry(None, lambda *_, **__: super(Connection, self).get_capabilities(url))
        return found

    def _retry(self, reset: Any, ask: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        def ask_whole(*inner: Any, **given: Any) -> Any:
            try:
                answer = ask(*inner, **given)
                if ask is swiftclient.client.get_object:
                    _require_whole(*answer)
            except BROKEN as error:
                raise requests.ConnectionError("the answer broke off") from error
            return answer

        return super()._retry(reset, ask_whole, *arguments, **options)


def _require_whole(headers: Mapping[str, str], body: bytes) -> None:
    """Raise requests.ConnectionError if an object's content is not all that its headers speak of."""
    span, digest = CONTENT_RANGE.fullmatch(headers.get("content-range", "")), MD5.fullmatch(headers.get("etag", ""))
    if span:
        whole = len(body) == int(span[2]) - int(span[1]) + 1
    elif headers.get("x-static-large-object"):  # of a manifest we read its list, and of its object never all
        json.loads(body)
        whole = True
    else:
        whole = not digest or hashlib.md5(body, usedforsecurity=False).hexdigest() == digest[1]
    if not whole:
        raise requests.ConnectionError("the answer is shorter than what is stored, or other bytes came")
