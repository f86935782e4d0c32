"""A line to another machine: notices within half a minute that it is cut, and gives a channel's ends as files."""

from __future__ import annotations

import contextlib
import io
import threading
from typing import Any

import paramiko

PING_EVERY = 5.0
ANSWER_WITHIN = 20.0
"""Seconds for an answer to a ping. An SSH server answers also what it does not know."""


def watch(transport: paramiko.Transport) -> None:
    """Close the connection as soon as the other end does not answer any more.

    The kernel would notice after a quarter of an hour, and paramiko's own keepalive wants no answer.
    """
    threading.Thread(target=_ping, args=[transport], name="ping", daemon=True).start()


def _ping(transport: paramiko.Transport) -> None:
    pause = threading.Event()
    while transport.is_active():
        too_late = threading.Timer(ANSWER_WITHIN, transport.close)
        too_late.daemon = True
        too_late.start()
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # it is closed
            transport.global_request("keepalive@openssh.com", wait=True)
        too_late.cancel()
        pause.wait(PING_EVERY)


class Input(io.RawIOBase):
    """Standard input of a channel's program. A program or line that is gone is a BrokenPipeError."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, content: Any) -> int:
        """Send all of it."""
        try:
            self._channel.sendall(content)
        except OSError as error:
            raise BrokenPipeError(str(error)) from error
        return len(content)


class Output(io.RawIOBase):
    """Standard output of a channel's program."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Receive some. Raise TimeoutError if the channel has a time limit."""
        received: bytes = self._channel.recv(len(buffer))
        buffer[: len(received)] = received
        return len(received)


class Lines(io.BufferedReader):
    """Whole lines: what a cut left of one is none."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line, or nothing at the end."""
        line = super().readline(size)
        return line if line.endswith(b"\n") else b""
