"""One HTTP request and its answer, on a connection that is kept."""

from __future__ import annotations

import contextlib
import http.client
import socket
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from .answers import SUCCESS, Answer
from .connections import HUNG_UP, Connections
from .halt import Halt

LAST_WORDS = 2.0
"""Seconds that a store which stops reading has for saying why."""

Request = dict[str, Any]
"""`stores.contract.SignedRequest` as JSON."""
Body = Callable[[], Iterator[memoryview]]
"""Gives the body in pieces, from its start."""

_CONNECTIONS = Connections()


@contextlib.contextmanager
def exchange(request: Request, headers: dict[str, str], body: Body | None, halt: Halt) -> Iterator[http.client.HTTPResponse]:
    """Send a request and yield the response if it is a success; its connection is kept if it is read to its end.

    Raise Answer if it is no success, OSError or HTTPException if there is none, AgentError (stopped) when `halt` is stopped.
    """
    connection, response = _ask(request, headers, body, halt)
    try:
        if response.status not in SUCCESS:
            raise Answer(response)
        yield response
    finally:
        if response.isclosed() and not response.will_close:
            _CONNECTIONS.give(request["url"], connection)
        else:
            response.close()
            connection.close()


def _ask(
    request: Request, headers: dict[str, str], body: Body | None, halt: Halt
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection, used = _CONNECTIONS.take(request["url"], new=False)
    try:
        return connection, _send(connection, request, headers, body, halt)
    except HUNG_UP:
        halt.check()
        if not used:
            raise
    # The store closed it before it saw our request, as it may at any time with one that is idle: that is no failure.
    connection, _ = _CONNECTIONS.take(request["url"], new=True)
    return connection, _send(connection, request, headers, body, halt)


def _send(
    connection: http.client.HTTPConnection, request: Request, headers: dict[str, str], body: Body | None, halt: Halt
) -> http.client.HTTPResponse:
    try:
        with halt.watch(connection.sock):
            return _talk(connection, request, headers, body)
    except BaseException:
        connection.close()
        raise


def _talk(
    connection: http.client.HTTPConnection, request: Request, headers: dict[str, str], body: Body | None
) -> http.client.HTTPResponse:
    parts = urllib.parse.urlsplit(request["url"])
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    try:
        connection.request(request["method"], path, body() if body else None, headers)
    except (BrokenPipeError, ConnectionResetError, socket.timeout):
        # A store that refuses may answer and stop reading before it has the whole body: its answer is the better cause.
        connection.sock.settimeout(LAST_WORDS)
        response = connection.getresponse()
        response.will_close = True
        return response
    return connection.getresponse()
