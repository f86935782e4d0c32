"""An HTTP proxy before a real server that lets a share of the requests fail, and counts what passes.

    with FaultProxy(swift.server.url, seed=7) as proxy:
        …                                             # talk to proxy.url instead of the server
    proxy.log                                         # [Fault("PUT", "/v1/AUTH_x/c/o", "lose_answer"), …]
    proxy.bytes_up["/v1/AUTH_x/c/o"]                  # body bytes that the client sent, those sent again among them

Requests pass as they are, the client's Host too: signatures hold (TempURL's covers the path only, SigV4's the Host that the
server sees). Bodies stream, whatever their size. An `X-Storage-Url` in an answer is made to lead to the proxy. The seed fixes
the sequence of faults; which request meets which depends on their order, where several run at once.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import email.utils
import random
import socket
import socketserver
import struct
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Self

from tests.servers import http_messages
from tests.servers.faults import ANSWERS, KINDS, Fault, Order, Request, Side
from tests.servers.http_messages import Head, Length, Reader

TIMEOUT_SECONDS = 120
LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER that makes `close` send a reset."""


class FaultProxy:
    """See above. `share` may be changed on the way; at 0 only what was asked for by `fail` and `damage` happens."""

    def __init__(
        self, upstream_url: str, *, seed: int, share: float = 0.05, kinds: Sequence[str] = KINDS, delay_seconds: float = 0.5
    ) -> None:
        address = urllib.parse.urlsplit(upstream_url)
        self.upstream = (str(address.hostname), int(address.port or 80))
        self.share, self.kinds, self.delay_seconds = share, tuple(kinds), delay_seconds
        self.log: list[Fault] = []
        self.requests: collections.Counter[str] = collections.Counter()
        """Method and path (`PUT /v1/…`) → requests that have begun."""
        self.bytes_up: collections.Counter[str] = collections.Counter()
        """Path → bytes of bodies that clients sent, whether or not they came to the server."""
        self.bytes_down: collections.Counter[str] = collections.Counter()
        """Path → bytes of bodies that were sent to clients."""
        self.clock_ahead = datetime.timedelta(0)
        """How wrong the server's clock is, as its answers have it."""
        self.stopping = threading.Event()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    def fail(self, kind: str, *, method: str = "", path: str = "", times: int = 1) -> None:
        """Let the next `times` requests of this method whose path or query contains `path` fail in this way."""
        self._orders.append(Order(kind, method, path, times))

    def damage(self, side: Side, *, method: str = "", path: str = "", offset: int | None = None, times: int = 1) -> None:
        """Flip a bit of one byte in the body of the next such requests, or of their answers; without `offset` of any byte."""
        self._orders.append(Order(f"damage_{side}", method, path, times, offset))

    def choose(self, request: Request) -> Order | None:
        """Return what shall happen to a request: what was asked for, else, for a share of them, anything."""
        with self._lock:
            self.requests[f"{request.method} {request.path}"] += 1
            for order in self._orders:
                if order.take(request):
                    return order
            kinds = [kind for kind in self.kinds if request.can_meet(kind)]
            if kinds and self._random.random() < self.share:
                return Order(self._random.choice(kinds), request.method, request.path, 0)
            return None

    def record(self, request: Request, kind: str) -> None:
        """Note what was done."""
        self.log.append(Fault(request.method, request.path, kind))

    def below(self, length: int) -> int:
        """Return a random number from 0 to `length` - 1; 0 if that is none."""
        with self._lock:
            return self._random.randrange(max(1, length))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False  # then `server_close` waits for them
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Connection)

    def process_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        request.settimeout(TIMEOUT_SECONDS)
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                connection.shutdown(socket.SHUT_RDWR)


class _Cut(Exception):  # noqa: N818  # no error: it is what was asked for
    """Close the connection to the client now."""


class _Connection(socketserver.StreamRequestHandler):
    """One client's connection: its requests one after the other, each on a connection to the server of its own."""

    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(OSError, EOFError, _Cut):  # either side has gone, or was made to go
            while (head := http_messages.read_head(self.rfile)) and self._serve(Request.of(head)):
                pass

    def _serve(self, request: Request) -> bool:
        proxy = self.server.proxy
        order = proxy.choose(request)
        kind = order.kind if order else ""
        if kind in ANSWERS:
            proxy.record(request, kind)
            return self._answer(request, kind)
        if kind == "drop":
            self.cut(request, kind)
        if kind == "delay":
            proxy.record(request, kind)
            if proxy.stopping.wait(proxy.delay_seconds):
                raise _Cut
        with socket.create_connection(proxy.upstream, timeout=TIMEOUT_SECONDS) as upstream:
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with upstream.makefile("rb") as source:
                return _Exchange(self, request, order, upstream, source).run()

    def _answer(self, request: Request, status: str) -> bool:
        if request.head.get("Expect").lower() != "100-continue":
            for block in http_messages.read_body(self.rfile, request.length):
                self.server.proxy.bytes_up[request.path] += len(block)
        body = b"" if request.method == "HEAD" else b"the fault proxy says so\n"
        retry = "Retry-After: 1\r\n" if status == "429" else ""
        self.wfile.write(
            f"HTTP/1.1 {status} {ANSWERS[status]}\r\n{retry}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return False

    def cut(self, request: Request, kind: str) -> None:
        """Close the connection to the client, by an end of file or a reset."""
        self.server.proxy.record(request, kind)
        if self.server.proxy.below(2):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            self.rfile.close()
            self.connection.close()
        raise _Cut


class _Exchange:
    """One request that the server hears of, and its answer."""

    def __init__(
        self, client: _Connection, request: Request, order: Order | None, upstream: socket.socket, source: Reader
    ) -> None:
        self._client, self._request, self._order = client, request, order
        self._upstream, self._source = upstream, source
        self._proxy = client.server.proxy
        self._kind = order.kind if order else ""

    def run(self) -> bool:
        """Say whether the client's connection may be used again."""
        self._upstream.sendall(bytes(self._request.head))
        answer = None
        if self._request.head.get("Expect").lower() == "100-continue":
            answer = self._read_answer()
        if answer is not None:
            self._relay_answer(answer)  # the server does not want the body
            return False
        whole = self._send_body()
        while (answer := self._read_answer()) is None:
            pass
        return self._relay_answer(answer) and whole

    def _read_answer(self) -> Head | None:
        """Return the head of the answer, or None if it is a preliminary one (100 Continue): that is handed on at once."""
        answer = http_messages.read_head(self._source)
        if answer is None:
            raise EOFError
        if answer.status >= 200:
            return answer
        self._client.wfile.write(bytes(answer))
        return None

    def _send_body(self) -> bool:
        """Hand the request's body on. Return False if the server closed its ears: it may have answered already."""
        length, sent, heard = self._request.length, 0, True
        keep = self._choose_start(length)
        for block in self._spoil("request", http_messages.read_body(self._client.rfile, length), length):
            self._proxy.bytes_up[self._request.path] += len(block)
            if keep is not None and sent + len(block) > keep:
                self._send(http_messages.frame_block(length, block[: keep - sent]) if keep > sent else b"")
                self._client.cut(self._request, self._kind)
            sent += len(block)
            heard = heard and self._send(http_messages.frame_block(length, block))
        return heard and self._send(http_messages.frame_end(length))

    def _choose_start(self, length: Length) -> int | None:
        """Return how many bytes of the request's body shall reach the server; None: all."""
        if self._kind != "cut_request":
            return None
        return self._proxy.below(length if isinstance(length, int) else http_messages.BLOCK)

    def _send(self, content: bytes) -> bool:
        try:
            self._upstream.sendall(content)
        except OSError:
            return False
        return True

    def _relay_answer(self, answer: Head) -> bool:
        length = http_messages.answer_length(self._request.method, answer)
        blocks = http_messages.read_body(self._source, length)
        if self._kind == "lose_answer":
            collections.deque(blocks, maxlen=0)  # the server has then done all that it was asked for
            self._client.cut(self._request, self._kind)
        keep = self._choose_rest(length)
        if keep is not None and self._kind == "truncate":
            answer.replace("Content-Length", str(keep))
        answer.replace("X-Storage-Url", self._redirect(answer.get("X-Storage-Url")))
        if self._proxy.clock_ahead and (date := answer.get("Date")):
            moment = email.utils.parsedate_to_datetime(date) + self._proxy.clock_ahead
            answer.replace("Date", email.utils.format_datetime(moment, usegmt=True))
        self._client.wfile.write(bytes(answer))
        for block in self._shorten(self._spoil("answer", blocks, length), keep):
            self._client.wfile.write(http_messages.frame_block(length, block))
            self._proxy.bytes_down[self._request.path] += len(block)
        self._client.wfile.write(http_messages.frame_end(length))
        return self._request.head.stays and answer.stays and length != "until close"

    def _choose_rest(self, length: Length) -> int | None:
        """Return how many bytes of the answer's body shall reach the client; None: all."""
        if self._kind not in {"cut_answer", "truncate"} or length == 0:
            return None
        return self._proxy.below(length if isinstance(length, int) else 16)

    def _shorten(self, blocks: Iterator[bytes], keep: int | None) -> Iterator[bytes]:
        for block in blocks:
            if keep is not None and len(block) > keep:
                if keep:
                    yield block[:keep]
                if self._kind == "cut_answer":
                    self._client.cut(self._request, self._kind)
                self._proxy.record(self._request, self._kind)
                return
            keep = None if keep is None else keep - len(block)
            yield block

    def _spoil(self, side: Side, blocks: Iterator[bytes], length: Length) -> Iterator[bytes]:
        if self._order is None or self._kind != f"damage_{side}":
            yield from blocks
            return
        offset = self._order.offset
        if offset is None:
            offset = self._proxy.below(length if isinstance(length, int) else 1)
        for block in blocks:
            if 0 <= offset < len(block):
                block = block[:offset] + bytes([block[offset] ^ 1 << self._proxy.below(8)]) + block[offset + 1 :]
                self._proxy.record(self._request, self._kind)
            offset -= len(block)
            yield block

    def _redirect(self, storage_url: str) -> str:
        host, port = self._proxy.upstream
        return storage_url.replace(f"http://{host}:{port}", self._proxy.url)
