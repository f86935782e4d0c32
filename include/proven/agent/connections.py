"""Connections to stores, kept open between requests: a new one costs round trips and, with TLS, a key exchange."""

from __future__ import annotations

import collections
import functools
import http.client
import select
import socket
import ssl
import threading
import urllib.parse
from typing import Optional

CONNECT_TIMEOUT = 15.0
TIMEOUT = 60.0
"""Seconds that the store may stay silent. Slow is fine, silent is not."""
HUNG_UP = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""How it shows that the other end has gone."""

Host = tuple[str, str, Optional[int]]


class Connections:
    """Those that are open and unused, by host. There are never more of them than threads that have used one at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Host, list[http.client.HTTPConnection]] = collections.defaultdict(list)

    def take(self, url: str, *, new: bool) -> tuple[http.client.HTTPConnection, bool]:
        """Return a connection to the host of that URL, and whether it was used before. Raise OSError if it can't be made."""
        host = _host_of(url)
        while not new and (idle := self._take_idle(host)):
            if not _has_spoken(idle.sock):
                return idle, True
            idle.close()
        return _connect(host), False

    def give(self, url: str, connection: http.client.HTTPConnection) -> None:
        """Keep a connection, whose last answer was read to its end, for the next request."""
        with self._lock:
            self._idle[_host_of(url)].append(connection)

    def _take_idle(self, host: Host) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle[host].pop() if self._idle[host] else None


def _host_of(url: str) -> Host:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def _connect(host: Host) -> http.client.HTTPConnection:
    scheme, name, port = host
    if scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            name, port, timeout=CONNECT_TIMEOUT, context=_tls()
        )
    else:
        connection = http.client.HTTPConnection(name, port, timeout=CONNECT_TIMEOUT)
    connection.connect()  # with TCP_NODELAY
    connection.sock.settimeout(TIMEOUT)
    return connection


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return what all connections share: reading the system's certificates takes longer than a small request."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _has_spoken(idle: socket.socket) -> bool:
    """Say whether an idle connection has something to read: nobody asked, so it is its end."""
    poll = select.poll()
    poll.register(idle, select.POLLIN)
    return bool(poll.poll(0))
