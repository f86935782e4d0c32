"""Ends requests from another thread: what is under way to a store that has failed is not waited for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from .errors import AgentError


class Halt:
    """Shared by the threads that talk to one store. Once stopped it stays so."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._watched: set[socket.socket] = set()

    def stop(self) -> None:
        """Cut every connection that is being used and wake every thread that waits."""
        with self._lock:
            self._stopped.set()
            for watched in self._watched:
                with contextlib.suppress(OSError):  # it is closed already
                    # Not TLS's own shutdown: that would put its state away under the thread that uses it.
                    socket.socket.shutdown(watched, socket.SHUT_RDWR)

    def check(self) -> None:
        """Raise AgentError (stopped) if it was stopped."""
        if self._stopped.is_set():
            raise AgentError("stopped", "store: it has failed already")

    def wait(self, seconds: float) -> None:
        """Sleep. Raise AgentError (stopped) as soon as it is stopped."""
        self._stopped.wait(seconds)
        self.check()

    @contextlib.contextmanager
    def watch(self, used: socket.socket) -> Iterator[None]:
        """Cut that connection if it is stopped meanwhile. Raise AgentError (stopped) if it was before."""
        with self._lock:
            self.check()
            self._watched.add(used)
        try:
            yield
        finally:
            with self._lock:
                self._watched.discard(used)
