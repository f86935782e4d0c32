"""What the fault proxy can do to a request."""

from __future__ import annotations

import dataclasses
from typing import Literal

from tests.servers import http_messages
from tests.servers.http_messages import Head, Length

ANSWERS = {
    "401": "Unauthorized",
    "408": "Request Timeout",
    "429": "Too Many Requests",
    "500": "Internal Server Error",
    "503": "Service Unavailable",
    "507": "Insufficient Storage",
}
"""Kinds of fault that are an answer without the server's knowledge."""

KINDS = (
    "drop",  # the connection, before the server hears of the request
    "cut_request",  # the connection, in mid-body; the server sees a client that went away
    "lose_answer",  # the server has done it, the client never hears
    "cut_answer",  # the connection, in mid-body
    "truncate",  # the answer's body is shorter, and its framing says that this is all
    "delay",  # nothing else
    *ANSWERS,
)

Side = Literal["request", "answer"]


@dataclasses.dataclass(frozen=True)
class Fault:
    """What was done to one request."""

    method: str
    path: str
    """Without its query: signatures are there."""
    kind: str


@dataclasses.dataclass
class Order:
    """A fault that a test has asked for."""

    kind: str
    method: str
    path: str
    times: int
    offset: int | None = None

    def take(self, request: Request) -> bool:
        """Say whether it is for this request, and count it."""
        fits = self.times > 0 and self.method in {"", request.method} and self.path in request.target
        self.times -= fits
        return fits


@dataclasses.dataclass(frozen=True)
class Request:
    """One request of a client."""

    head: Head
    method: str
    target: str
    """Path and query."""
    length: Length

    @classmethod
    def of(cls, head: Head) -> Request:
        """Return the request that has this head."""
        return cls(head, head.words[0], head.words[1], http_messages.request_length(head))

    @property
    def path(self) -> str:
        """Its path alone."""
        return self.target.partition("?")[0]

    def can_meet(self, kind: str) -> bool:
        """Say whether this fault makes sense here."""
        if kind == "cut_request":
            return self.length != 0
        return self.method in {"GET", "POST"} if kind in {"cut_answer", "truncate"} else True
