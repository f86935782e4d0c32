"""One part to or from the store: an HTTP request that anyone who holds its URL may make, with retries.

The URL is a secret while it lives: it shows in no message, only the artifact's name and the part's number do.
"""

from __future__ import annotations

import http.client
import random
import re
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from .errors import AgentError
from .throttle import Throttle

TRIES = 5
TIMEOUT = 60.0
"""Seconds that the store may stay silent. Slow is fine, silent is not."""
BACKOFF = 0.5
LONGEST_WAIT = 30.0
CHUNK = 256 * 1024
RETRIED = frozenset({408, 409, 422, 425, 429, *range(500, 600)} - {501, 505, 507})
REQUEST_IDS = ("X-Trans-Id", "X-Openstack-Request-Id", "x-amz-request-id")
REFUSED = (401, 403)
HINTS = {
    401: "The URL was refused: it expired, or the clocks of store and controller differ. Compare `date` on both.",
    403: "The URL was refused: it expired, the clocks differ, or the account may not write there.",
    404: "The container is gone, or the URL is for another account.",
    413: "The store's limit for one object is below `part_bytes`.",
    507: "The store is full: free space or raise the quota.",
}
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")

Request = dict[str, Any]
Sign = Callable[[], Request]
"""Returns a request that is signed just now."""


class Answer(Exception):  # noqa: N818 - it is not always an error: `AgentError` is made of it where it is one
    """The store answered with a status that is not success."""

    def __init__(self, status: int, reason: str, request_id: str, retry_after: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.request_id = request_id
        self.retry_after = float(retry_after) if retry_after.isdigit() else 0.0


def put(sign: Sign, body: memoryview, label: str, throttle: Throttle) -> None:
    """Send one part. It is signed anew when it was refused, for it may have expired.

    Raise AgentError (store) naming `label`, the status and the request id, after five tries or at the first answer that no
    retry can change.
    """

    def send(current: Request) -> None:
        headers = {**current["headers"], "Content-Length": str(len(body))}
        connection, path = _connect(current["url"])
        try:
            response = _exchange(connection, current["method"], path, headers, _chunks(body, throttle))
            response.read()
            etag = (response.getheader("ETag") or "").strip('"')
            if etag and etag != current["headers"].get("ETag", etag):
                raise http.client.HTTPException("the store received other bytes than were sent")
        finally:
            connection.close()

    _with_retries(send, sign(), f"store: put {label}", sign)


def get_range(request: Request, first: int, into: memoryview, total: int, label: str, sign: Sign, throttle: Throttle) -> None:
    """Fill `into` with the bytes of an object from `first` on; the object must have `total` bytes.

    Raise AgentError: integrity if the object is missing or of another size, store as `put` does.
    """

    def receive(current: Request) -> None:
        headers = {**current["headers"], "Range": f"bytes={first}-{first + len(into) - 1}"}
        connection, path = _connect(current["url"])
        try:
            response = _exchange(connection, current["method"], path, headers, None)
            _check_range(response, first, len(into), total, label)
            _fill(response, into, throttle)
        finally:
            connection.close()

    _with_retries(receive, request, f"store: get {label}", sign)


def _with_retries(action: Callable[[Request], None], request: Request, doing: str, sign: Sign) -> None:
    renewed = False
    for attempt in range(1, TRIES + 1):
        pause = min(BACKOFF * 2 ** (attempt - 1), LONGEST_WAIT)
        try:
            return action(request)
        except Answer as answer:
            if answer.status in REFUSED and not renewed:
                request, renewed, pause = sign(), True, 0.0
            elif answer.status not in RETRIED or attempt == TRIES:
                raise _explain(answer, doing) from None
            else:
                pause = max(pause, min(answer.retry_after, LONGEST_WAIT))
        except ssl.SSLCertVerificationError as error:
            hint = "Install the authority's certificate on this host."
            raise AgentError("store", f"{doing}: certificate refused", detail=error.verify_message, hint=hint) from None
        except (OSError, http.client.HTTPException) as error:
            if attempt == TRIES:
                hint = "Check the network between this host and the store."
                detail = str(error) or type(error).__name__
                raise AgentError("store", f"{doing}: no answer after {TRIES} tries", detail=detail, hint=hint) from None
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
    raise AssertionError("the last try returns or raises")


def _explain(answer: Answer, doing: str) -> AgentError:
    if answer.status in (404, 410, 416) and " get " in doing:
        what = "missing from the store" if answer.status != 416 else "the object ends before this part"
        hint = "Somebody deleted or replaced it: take a new backup, and look who may write to the container."
        return AgentError("integrity", f"{doing}: {what}", detail=answer.request_id, hint=hint)
    hint = HINTS.get(answer.status, "Look the request id up in the store's log.")
    return AgentError("store", f"{doing}: {answer}", detail=answer.request_id, hint=hint)


def _connect(url: str) -> tuple[http.client.HTTPConnection, str]:
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=TIMEOUT), urllib.parse.urlunsplit(
        ("", "", parts.path, parts.query, "")
    )


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: Iterator[memoryview] | None
) -> http.client.HTTPResponse:
    """Send a request and return the response if it is a success. Raise Answer if it is not."""
    try:
        connection.request(method, path, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        # A store that refuses may answer and hang up before it has read the body: its answer is the better cause.
        response = connection.getresponse()
    else:
        response = connection.getresponse()
    if response.status not in (200, 201, 204, 206):
        response.read(CHUNK)
        request_id = next((f"{name}: {response.getheader(name)}" for name in REQUEST_IDS if response.getheader(name)), "")
        raise Answer(response.status, response.reason, request_id, response.getheader("Retry-After") or "")
    return response


def _chunks(body: memoryview, throttle: Throttle) -> Iterator[memoryview]:
    """Yield the body in pieces: a socket's time limit is for all that one call sends."""
    for start in range(0, len(body), CHUNK):
        piece = body[start : start + CHUNK]
        throttle.pass_through(len(piece))
        yield piece


def _check_range(response: http.client.HTTPResponse, first: int, count: int, total: int, label: str) -> None:
    span = CONTENT_RANGE.fullmatch(response.getheader("Content-Range") or "")
    size = int(span[3]) if span else int(response.getheader("Content-Length") or -1)
    if size != total:
        what = f"store: get {label}: the object has {size} bytes, the manifest says {total}"
        raise AgentError("integrity", what, hint="Somebody replaced or truncated it: take a new backup.")
    if (span and int(span[1]) != first) or (not span and count != total):
        raise AgentError("store", f"store: get {label}: the store ignores Range", hint="A proxy between may strip that header.")


def _fill(response: http.client.HTTPResponse, into: memoryview, throttle: Throttle) -> None:
    filled = 0
    while filled < len(into):
        throttle.pass_through(min(CHUNK, len(into) - filled))
        count = response.readinto(into[filled : filled + CHUNK])
        if not count:
            raise http.client.IncompleteRead(b"", len(into) - filled)
        filled += count
