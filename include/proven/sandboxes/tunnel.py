"""A way from here to a unix socket of another machine: each connection is carried by a program there, over one SSH session.

The socket is one that only root may reach, so that sshd's own forwarding, which has the login's rights, leads nowhere.
"""

from __future__ import annotations

import contextlib
import pathlib
import shlex
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence

import paramiko

from include.proven.errors import SandboxError

PIECE = 65536
RELAY = """
import os, select, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect(sys.argv[1])
while True:
    for ready in select.select([0, server], [], [])[0]:
        piece = os.read(0, 65536) if ready == 0 else server.recv(65536)
        if not piece:
            sys.exit()
        if ready == 0:
            server.sendall(piece)
        while ready != 0 and piece:
            piece = piece[os.write(1, piece):]
"""
"""Runs on the machine; ends when either side does."""


@contextlib.contextmanager
def carry(client: paramiko.SSHClient, path: str, *, as_root: Sequence[str]) -> Iterator[pathlib.Path]:
    """Give a unix socket of ours that leads to `path` on the machine of `client`, for as long as the context is entered.

    `as_root` is the command there that runs another as root. Only we may reach the socket.
    """
    transport = client.get_transport()
    if transport is None:
        raise SandboxError(f"tunnel: the connection to {path} is closed")
    command = shlex.join([*as_root, "python3", "-I", "-c", RELAY, path])
    with tempfile.TemporaryDirectory(prefix="proven-tunnel-") as folder, socket.socket(socket.AF_UNIX) as listening:
        ours = pathlib.Path(folder, "s")
        listening.bind(str(ours))
        listening.listen()
        accepting = threading.Thread(target=_accept, args=[listening, transport, command], daemon=True)
        accepting.start()
        try:
            yield ours
        finally:
            # What `close` alone does not do: wake the thread that waits for the next connection.
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(listening: socket.socket, transport: paramiko.Transport, command: str) -> None:
    """Carry each connection until the listening socket is shut down."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        try:
            channel = transport.open_session()
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError):
            connection.close()  # whoever connected sees it end, as if the server were gone
            continue
        threading.Thread(target=_upward, args=[connection, channel], daemon=True).start()
        threading.Thread(target=_downward, args=[connection, channel], daemon=True).start()


def _upward(connection: socket.socket, channel: paramiko.Channel) -> None:
    """Carry what the connection sends. At its end the relay reads one too, and ends, which ends the other direction."""
    with contextlib.suppress(OSError, EOFError):
        while piece := connection.recv(PIECE):
            channel.sendall(piece)
    with contextlib.suppress(OSError, EOFError):
        channel.shutdown_write()


def _downward(connection: socket.socket, channel: paramiko.Channel) -> None:
    with contextlib.suppress(OSError, EOFError), connection, contextlib.closing(channel):
        while piece := channel.recv(PIECE):
            connection.sendall(piece)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
