"""Tools and pumps side by side, each watched: no exit status is lost, and the first cause is the one that is reported.

A pump is a function in a thread of its own that moves or checks data. When one part of a pipeline dies the others follow:
upstream of a broken pipe, downstream of a stream that ends early. Those are consequences, not causes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import queue
import signal
import threading
import time
from collections.abc import Callable
from typing import IO, TypeVar, cast

from .errors import AgentError
from .processes import Process

READ_BYTES = 1 << 20
SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ: not every Python that we promise has it in fcntl
SETTLE = 1.0
"""Seconds that the others get to follow the first who died, so that causes and consequences can be told apart."""
BROKEN_PIPE = ("roken pipe", "errno 32", "Errcode: 32")
END_BYTES = 4096

Explain = Callable[[Process, int], AgentError]
T = TypeVar("T")


class _Link:
    """One process or one pump: something that runs in a thread and ends well or badly."""

    def __init__(self, name: str, run: Callable[[], object]) -> None:
        self.name = name
        self.run = run
        self.ended = False
        self.error: BaseException | None = None


class _Call:
    """Something that a pump wants done by the thread that runs the pipeline."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._done = threading.Event()
        self._value: object = None
        self._error: BaseException | None = None

    def make(self) -> None:
        """Do it, in that thread. What it raises is the pump's."""
        try:
            self._value = self._function()
        except BaseException as error:  # it is raised again, in the pump
            self._error = error
        self._done.set()

    def wait(self) -> object:
        """Wait until it is done and return what came of it, in the pump."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value


class _LostReaderError(Exception):
    """A process says that its reader has gone; if nobody else failed, `error` says it as well as can be."""

    def __init__(self, error: AgentError) -> None:
        super().__init__(error.what)
        self.error = error


class Pipeline:
    """Processes and pumps, added in the order in which data flows, then run together.

    While it runs, more may be added by what a pump lets it `call`: these begin at once.
    """

    def __init__(self) -> None:
        self._links: list[_Link] = []
        self._running = False
        self._events: queue.SimpleQueue[_Link | _Call] = queue.SimpleQueue()
        self._processes: list[Process] = []
        self._cuts: list[Callable[[], None]] = []

    def add(self, process: Process, explain: Explain) -> Process:
        """Watch a process and return it. `explain` turns its failure into an error."""

        def watch() -> None:
            status = process.wait()
            if status == 0 or process.killed:
                return
            error = explain(process, status)
            if status == -signal.SIGPIPE or any(words in process.last_words() for words in BROKEN_PIPE):
                raise _LostReaderError(error)
            raise error

        self._processes.append(process)
        self._link(process.name, watch)
        return process

    def pump(self, name: str, function: Callable[[], object]) -> None:
        """Run `function` in a thread. What it raises ends the pipeline."""
        self._link(name, function)

    def call(self, function: Callable[[], T]) -> T:
        """From a pump: have `function` called by the thread that runs the pipeline, which alone may start tools.

        Return what it returns, raise what it raises. If the pipeline fails before, the pump is left where it waits.
        """
        wish = _Call(function)
        self._events.put(wish)
        return cast(T, wish.wait())

    def on_failure(self, function: Callable[[], None]) -> None:
        """Call `function` when the pipeline fails, to wake a pump that waits for something else than data."""
        self._cuts.append(function)

    def run(self) -> None:
        """Run until everything has ended. Raise the first cause if anything failed; nothing runs any more then."""
        self._running = True
        for link in self._links:
            self._start(link)
        try:
            self._wait_for_all()
        except BaseException:
            self._kill()
            raise

    def _link(self, name: str, run: Callable[[], object]) -> None:
        link = _Link(name, run)
        self._links.append(link)
        if self._running:
            self._start(link)

    def _start(self, link: _Link) -> None:
        threading.Thread(target=self._watch, args=[link], name=link.name, daemon=True).start()

    def _watch(self, link: _Link) -> None:
        try:
            link.run()
        except BaseException as error:  # it is raised again, in the main thread
            link.error = error
        self._events.put(link)

    def _wait_for_all(self) -> None:
        while self._links:
            event = self._events.get()
            if isinstance(event, _Call):
                event.make()
            elif event.error is not None:
                event.ended = True
                self._settle()
                raise self._find_cause()
            else:
                self._links.remove(event)

    def _settle(self) -> None:
        """Take in what else ends within a moment of the first failure."""
        until = time.monotonic() + SETTLE
        with contextlib.suppress(queue.Empty):
            while (left := until - time.monotonic()) > 0 and not all(link.ended for link in self._links):
                event = self._events.get(timeout=left)
                if isinstance(event, _Link):
                    event.ended = True

    def _find_cause(self) -> BaseException:
        """Return the failure that lies farthest upstream and did not just lose its reader."""
        failures = [(link.name, link.error) for link in self._links if link.error is not None]
        for _, error in failures:
            if not isinstance(error, (_LostReaderError, BrokenPipeError)):
                return error
        for _, error in failures:
            if isinstance(error, _LostReaderError):
                return error.error
        return AgentError("tool", f"{failures[-1][0]}: the next program ended before it had read everything")

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()
        for function in self._cuts:
            function()
        for process in self._processes:
            process.wait()


class Tail:
    """Remembers the end of what flows by."""

    def __init__(self) -> None:
        self._end = b""

    def see(self, data: memoryview) -> None:
        """Take in the next piece."""
        self._end = (self._end + bytes(data[-END_BYTES:]))[-END_BYTES:]

    def ends_with(self, marker: str) -> bool:
        """Say whether the last line begins with `marker`."""
        return self._end.rstrip().rpartition(b"\n")[2].startswith(marker.encode())


class Tap(Tail):
    """Counts and hashes what flows by, and remembers its end."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self._hash = hashlib.sha256()

    def see(self, data: memoryview) -> None:
        """Take in the next piece."""
        super().see(data)
        self.bytes += len(data)
        self._hash.update(data)

    def sha256(self) -> str:
        """Return the digest of all that flowed by, as hex."""
        return self._hash.hexdigest()


def copy(source: IO[bytes], write: Callable[[memoryview], object]) -> None:
    """Move a raw stream, to its end, to `write`, in pieces of at most 1 MiB that are valid during the call only."""
    buffer = memoryview(bytearray(READ_BYTES))
    while count := read_into(source, buffer):
        write(buffer[:count])


def write_all(write: Callable[[memoryview], object], data: memoryview) -> None:
    """Write all of `data` to a raw stream."""
    while data:
        taken = write(data)
        data = data[taken if isinstance(taken, int) else len(data) :]


def read_into(source: IO[bytes], buffer: memoryview) -> int:
    """Fill the start of `buffer` from a raw stream and return how much; 0 is the end."""
    return source.readinto(buffer)  # type: ignore[attr-defined,no-any-return] # typeshed's IO lacks what every raw stream has


def widen(pipe: IO[bytes]) -> None:
    """Make a pipe 1 MiB long, for fewer switches between the programs. An unprivileged user's quota may not allow it."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), SET_PIPE_SIZE, READ_BYTES)


def explain_death(process: Process, status: int) -> AgentError:
    """Return the AgentError (tool) for a program that died."""
    return AgentError("tool", f"{process.name} {describe_status(status)}", detail=process.last_words()[-500:])


def describe_status(status: int) -> str:
    """Return `died with exit status 3` or `was killed by SIGKILL`."""
    if status >= 0:
        return f"died with exit status {status}"
    return f"was killed by {signal.Signals(-status).name}"
