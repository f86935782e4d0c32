"""One part to or from the store by a request that anyone who holds its URL may make, with retries.

The URL is a secret while it lives: it shows in no message, only the artifact's name and the part's number do.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from collections.abc import Callable, Iterator

from . import answers, files
from .errors import AgentError
from .exchange import Request, exchange
from .halt import Halt
from .patience import Patience
from .throttle import Throttle

FRESH = 60.0
"""Seconds after its signing in which a URL that is refused has not expired: it is refused for another reason."""
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
ECHOED = ("etag", "x-amz-checksum-sha256")
"""Headers that say a checksum of what was sent, and in the answer of what came in."""

Sign = Callable[[], Request]
"""Returns a request that is signed just now."""


def put(sign: Sign, body: memoryview, label: str, throttle: Throttle, *, halt: Halt | None = None) -> None:
    """Send one part. It is signed anew when it was refused, for it may have expired.

    Raise AgentError (store) naming `label`, the status and the request id, when patience is at its end or at the first answer
    that no retry can change; AgentError (stopped) as soon as `halt` is stopped.
    """
    request, patience = sign(), Patience(halt or Halt())

    def send(current: Request) -> None:
        headers = {**current["headers"], "Content-Length": str(len(body))}
        with exchange(current, headers, lambda: _cut(body, throttle), patience.halt) as response:
            response.read()
            _compare(response, current["headers"])

    if files.is_file(request):
        files.put(request, body, label, throttle)
    else:
        _with_retries(send, request, f"store: put {label}", sign, patience)


def get_range(request: Request, first: int, into: memoryview, total: int, label: str, sign: Sign, throttle: Throttle) -> None:
    """Fill `into` (one byte or more) with the bytes of an object from `first` on; the object must have `total` bytes.

    What breaks off goes on with the first byte that is missing. Raise AgentError: integrity if the object is missing or of
    another size, store as `put` does.
    """
    rest, doing, patience = into, f"store: get {label}", Patience(Halt())

    def receive(current: Request) -> None:
        nonlocal rest
        begin = first + len(into) - len(rest)
        headers = {**current["headers"], "Range": f"bytes={begin}-{begin + len(rest) - 1}"}
        with exchange(current, headers, None, patience.halt) as response:
            _check_range(response, begin, len(rest), total, doing)
            while rest:
                throttle.pass_through(min(throttle.piece, len(rest)))
                count = response.readinto(rest[: throttle.piece])
                if not count:
                    raise http.client.IncompleteRead(b"", len(rest))
                rest = rest[count:]
                patience.renew()

    if files.is_file(request):
        files.get_range(request, first, into, total, label, throttle)
    else:
        _with_retries(receive, request, doing, sign, patience)


def _with_retries(action: Callable[[Request], None], request: Request, doing: str, sign: Sign, patience: Patience) -> None:
    signed_at, renewed = time.monotonic(), False
    while True:
        try:
            return action(request)
        except answers.Answer as answer:
            error = answer.explain(doing)
            if answer.status in answers.REFUSED and (not renewed or time.monotonic() - signed_at > FRESH):
                if renewed:
                    patience.fail(error)  # a URL may expire in its turn, but not for ever
                request, signed_at, renewed = sign(), time.monotonic(), True
            elif answer.may_pass(doing):
                patience.fail(error, answer.retry_after)
            else:
                raise error from None
        except ssl.SSLCertVerificationError as error:
            hint = "Install the authority's certificate on this host."
            raise AgentError("store", f"{doing}: certificate refused", detail=error.verify_message, hint=hint) from None
        except (OSError, http.client.HTTPException) as error:
            patience.halt.check()
            patience.fail(_no_answer(error, doing, patience.failures + 1))


def _no_answer(error: Exception, doing: str, tries: int) -> AgentError:
    hint = "Check the network between this host and the store."
    detail = str(error) or type(error).__name__
    return AgentError("store", f"{doing}: no answer after {tries} tries", detail=detail, hint=hint)


def _cut(body: memoryview, throttle: Throttle) -> Iterator[memoryview]:
    """Yield the body in pieces: a socket's time limit is for all that one call sends."""
    for start in range(0, len(body), throttle.piece):
        piece = body[start : start + throttle.piece]
        throttle.pass_through(len(piece))
        yield piece


def _compare(response: http.client.HTTPResponse, sent: dict[str, str]) -> None:
    """Raise HTTPException, so that it is sent again, if the store received other bytes than were sent."""
    for name, value in sent.items():
        echo = (response.getheader(name) or "").strip('"')
        if name.lower() in ECHOED and echo and echo != value.strip('"'):
            raise http.client.HTTPException("the store received other bytes than were sent")


def _check_range(response: http.client.HTTPResponse, first: int, count: int, total: int, doing: str) -> None:
    span = CONTENT_RANGE.fullmatch(response.getheader("Content-Range") or "")
    size = int(span[3]) if span else int(response.getheader("Content-Length") or -1)
    if size != total:
        raise answers.wrong_size(doing, size, total)
    if (span and int(span[1]) != first) or (not span and count != total):
        raise AgentError("store", f"{doing}: the store ignores Range", hint="A proxy between may strip that header.")
