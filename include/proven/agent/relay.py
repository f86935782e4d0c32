"""The way from an SSH session to the keeper of a run (`keeper.py` says what it is good for): `agent.pyz keep NAME GRACE`.

It copies between its pipes and the keeper's socket, and starts the keeper if there is none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO, NoReturn

from . import keeper

ARCHIVE = str(pathlib.Path(sys.argv[0]).resolve())
"""Ourselves."""
JOINING = 60.0
"""Seconds that whoever comes while a run of that name is being stopped waits for its end."""


def main(arguments: list[str]) -> NoReturn:
    """Be the relay of a run (`keep NAME GRACE`), or its keeper (`keeper DESCRIPTOR FILE`: its socket), until that is over."""
    os.umask(0o077)
    # The paths of unix sockets are short; a home's may be long.
    os.chdir(_folder())
    if arguments[0] == "keeper":
        with socket.socket(fileno=int(arguments[1])) as listener:
            keeper.Keeper(listener, [sys.executable, "-I", ARCHIVE]).run()
        with _locked():
            pathlib.Path(arguments[2]).unlink(missing_ok=True)
        os._exit(0)
    relay(arguments[1], float(arguments[2]))


def relay(name: str, grace: float) -> NoReturn:
    """Copy in both directions until one end is gone, or the controller is silent. What that means is the keeper's business."""
    connection, lines = _join(name, keeper.word("hello", grace=grace))
    threading.Thread(target=_pour, args=[lines], daemon=True).start()
    while select.select([0], [], [], keeper.SILENCE)[0] and (chunk := os.read(0, 65536)):
        with contextlib.suppress(OSError):  # the keeper is gone: `_pour` brings its last lines, and ends us
            connection.sendall(chunk)
    os._exit(0)


def _pour(lines: IO[bytes]) -> None:
    try:
        for line in lines:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
    finally:
        os._exit(0)


def _join(name: str, hello: bytes) -> tuple[socket.socket, IO[bytes]]:
    """Connect to the keeper of that name, which is started if there is none; return also the file of its lines."""
    until = time.monotonic() + JOINING
    while time.monotonic() < until:
        connection = _connect(name)
        with contextlib.suppress(OSError):
            connection.sendall(hello)
            if select.select([connection], [], [], JOINING)[0] and connection.recv(1, socket.MSG_PEEK):
                return connection, connection.makefile("rb")
        connection.close()
        time.sleep(0.2)  # it is stopping: its agent must be gone before another one starts
    sys.exit(f"relay: the run {name} does not answer and does not end")


def _connect(name: str) -> socket.socket:
    """Return a connection to the keeper of that name. Of two that come at once, one starts it."""
    file = hashlib.sha256(name.encode()).hexdigest()[:32]
    with _locked():
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):  # refused: its keeper was killed
            return _dial(file)
        pathlib.Path(file).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(file)
            listener.listen()
            null, descriptor = subprocess.DEVNULL, listener.fileno()
            subprocess.Popen(
                [sys.executable, "-I", ARCHIVE, "keeper", str(descriptor), file],
                stdin=null,
                stdout=null,  # nothing of the session: sshd waits until nobody holds its pipes
                stderr=null,
                pass_fds=[descriptor],
                start_new_session=True,
            )
        return _dial(file)


def _dial(file: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(file)
    except OSError:
        connection.close()
        raise
    return connection


def _folder() -> pathlib.Path:
    """Return the sockets' directory. Not in XDG_RUNTIME_DIR: logind removes that when the last session of its user ends."""
    folder = pathlib.Path.home() / ".cache" / "proven" / "runs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Let nobody else start a keeper, or end one, meanwhile."""
    folder = os.open(".", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
