"""Makes a server of this machine's loopback reachable at another of its addresses."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

PIECE = 65536


@contextlib.contextmanager
def forward(address: str, port: int) -> Iterator[None]:
    """Carry what connects to `address`:`port` to the loopback's `port`, for as long as the context is entered."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as inner:
                back = threading.Thread(target=carry, args=[inner, self.request], daemon=True)
                back.start()
                carry(self.request, inner)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server((address, port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def carry(one: socket.socket, other: socket.socket) -> None:
    """Carry one direction until its end."""
    with contextlib.suppress(OSError):
        while piece := one.recv(PIECE):
            other.sendall(piece)
        other.shutdown(socket.SHUT_WR)
