"""A small real HTTP server that answers like an object store: parts by PUT, wholes by GET with Range, faults on demand."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import http.server
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from include.proven.stores.contract import OutgoingPart, SignedRequest

RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclasses.dataclass
class Signer:
    """Signs for the server at that URL, as a store would; the signature is a secret that no message may show."""

    url: str
    signed: list[tuple[str, list[int]]] = dataclasses.field(default_factory=list)

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return the PUT of each part."""
        self.signed.append((artifact, [part.number for part in parts]))
        return [
            SignedRequest("PUT", f"{self.url}/{artifact}/{part.number}?signature=SECRET", {"ETag": part.md5, "X-Signed": "yes"})
            for part in parts
        ]

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Return the GET of the whole."""
        self.signed.append((artifact, [0]))
        return SignedRequest("GET", f"{self.url}/{artifact}?signature=SECRET", {})


@dataclasses.dataclass
class Signers:
    """Signs for several stores, each by its name."""

    stores: dict[str, Signer]

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return the PUT of each part."""
        return self.stores[store].sign_parts(store, artifact, parts)

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Return the GET of the whole."""
        return self.stores[store].sign_get(store, artifact)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An answer in S3's words."""

    status: int
    code: str = "SlowDown"
    retry_after: str = ""


class ObjectServer(http.server.ThreadingHTTPServer):
    """Objects in memory under `/<artifact>`, their parts under `/<artifact>/<number>`.

    `faults[method, path]` is a list of what happens to the next requests instead: a status, a Refusal, `reset`, `slow` (answers
    after a second), `silent` (never answers), `corrupt` (flips a byte of the answer), `cut` (hangs up in the middle), `unread`
    (507 before it reads the body), `lies` (says that it received other bytes), `leaves` (hangs up after an answer that did not
    announce it), `stale` (resets a connection that was used before, nothing on a new one).
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.parts: dict[str, dict[int, bytes]] = collections.defaultdict(dict)
        self.faults: dict[tuple[str, str], list[Any]] = collections.defaultdict(list)
        self.seen: list[tuple[str, str, Any]] = []
        self.ranges: list[tuple[int, int]] = []
        """First and last byte of every GET."""
        self.connections = 0
        self.always: Any = None
        """A fault that happens to every request for which none is planned."""
        self.open = threading.Event()
        """While it is not set, no part is taken in."""
        self.open.set()
        self.speed = 0.0
        """Bytes per second of every request; 0: no limit."""
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.signer = Signer(self.url)

    def whole(self, artifact: str) -> bytes:
        """Return an object: its parts in order."""
        return b"".join(part for _, part in sorted(self.parts[artifact].items()))


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: ObjectServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        self.server.connections += 1
        self.requests = 0

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_PUT(self) -> None:
        """Store one part, if its ETag is right."""
        artifact, number = self.path.partition("?")[0].strip("/").split("/")
        fault = self._fault(f"{artifact}/{number}")
        if fault == "unread":
            return self._refuse(507)
        body = self._read_body()
        self.server.open.wait(30)
        if fault not in (None, "lies", "leaves"):
            return self._act(fault)
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if self.headers["ETag"] != md5 or self.headers["X-Signed"] != "yes":
            return self._refuse(422)
        self.server.parts[artifact][int(number)] = body
        self._answer(201, b"", {"ETag": f'"{"0" * 32 if fault == "lies" else md5}"'})
        self.close_connection = fault == "leaves"
        return None

    def _read_body(self) -> bytes:
        left, pieces = int(self.headers["Content-Length"]), []
        while left and (piece := self.rfile.read(min(left, 65536))):
            pieces.append(piece)
            left -= len(piece)
            if self.server.speed:
                time.sleep(len(piece) / self.server.speed)
        return b"".join(pieces)

    def do_GET(self) -> None:
        """Return a range of a whole object."""
        artifact = self.path.partition("?")[0].strip("/")
        span = RANGE.fullmatch(self.headers["Range"] or "")
        assert span, "the agent fetches parts by Range"
        first, last = int(span[1]), int(span[2])
        self.server.ranges.append((first, last))
        fault = self._fault(artifact)
        if isinstance(fault, int):
            return self._refuse(fault)
        if artifact not in self.server.parts:
            return self._refuse(404)
        whole = self.server.whole(artifact)
        if first >= len(whole):
            return self._refuse(416)
        return self._send_range(whole, first, min(last, len(whole) - 1), fault)

    def _send_range(self, whole: bytes, first: int, last: int, fault: Any) -> None:
        body = whole[first : last + 1]
        if fault == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        headers = {"Content-Range": f"bytes {first}-{last}/{len(whole)}"}
        if fault == "cut":
            headers["Content-Length"] = str(len(body))
            body = body[: len(body) // 2]
            self.close_connection = True
        if fault == "slow":
            time.sleep(1.0)
        self._answer(206, body, headers)

    def _fault(self, path: str) -> Any:
        self.requests += 1
        planned = self.server.faults[self.command, path]
        fault = planned.pop(0) if planned else self.server.always
        if fault == "stale":
            fault = "reset" if self.requests > 1 else None
        self.server.seen.append((self.command, path, fault or 0))
        return fault

    def _act(self, fault: Any) -> None:
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif fault == "silent":
            self.rfile.read(1)  # until the other end has gone
            self.close_connection = True
        elif fault == "slow":
            time.sleep(1.0)
            self._refuse(503)
        elif isinstance(fault, Refusal):
            text = f"<Error><Code>{fault.code}</Code><Message>signature=SECRET</Message></Error>"
            self._answer(fault.status, text.encode(), {"Retry-After": fault.retry_after} if fault.retry_after else {})
        else:
            self._refuse(fault)

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._answer(status, b"no", {"X-Trans-Id": "tx-of-the-store", "Connection": "close"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(body), 65536):
            self.wfile.write(body[start : start + 65536])
            if self.server.speed:
                time.sleep(65536 / self.server.speed)


@contextlib.contextmanager
def serving(server: ObjectServer) -> Iterator[ObjectServer]:
    """Run a server for as long as the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def objects() -> Iterator[ObjectServer]:
    """An empty object server."""
    with serving(ObjectServer()) as server:
        yield server


@pytest.fixture
def others() -> Iterator[ObjectServer]:
    """A second one."""
    with serving(ObjectServer()) as server:
        yield server
