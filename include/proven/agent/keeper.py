"""Keeps an agent running for a while when the line to its controller is cut.

The keeper is a process in a session of its own, the agent is its child, and a relay (`relay.py`) is what the controller starts:

    controller ── SSH ── relay ── unix socket ── keeper ── pipes ── agent

To what controller and agent say (`protocol.py`) are added, as lines of their own, these words:

    relay → keeper        {"keeper": "hello", "grace": SECONDS}   the first line: whoever says it last is the guest from now on
    keeper → controller   {"keeper": "started"}                   the first line: the agent has no job yet
                          {"keeper": "attached"}                  the first line: it has one; what it waits for comes next
                          {"keeper": "ended", "status": N, "words": TAIL}   how the agent ended, and the end of its stderr
                          {"keeper": "replaced"}                  the last line: somebody else has said hello
    controller → keeper   {"keeper": "alive"}                     whatever else is said: silence for 30 s is a line that is cut
                          {"keeper": "end"}                       stop now, or: I know how it ended

`end` ends a run at once, and the socket is closed when nothing of it is left. A guest that vanishes without it, or another one,
has `grace` seconds to come back; then the agent's stdin is closed. What the agent is told stays in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import IO, Any

WORD, ALIVE, END = b'{"keeper"', b'{"keeper": "alive"}\n', b'{"keeper": "end"}\n'
SILENCE = 30.0
"""Seconds without a line from the controller, after which its line counts as cut."""
FIRST_GUEST = 60.0
"""Seconds in which the one who started us has to come."""
STOPPING = 10.0
"""Seconds that the agent has for cleaning up before it is killed."""
TAIL_BYTES = 4096


def word(said: str, **members: Any) -> bytes:
    """Return a line of the keeper's."""
    return json.dumps({"keeper": said, **members}).encode() + b"\n"


class Keeper:
    """An agent, and whoever is connected to it."""

    def __init__(self, listener: socket.socket, agent: Sequence[str]) -> None:
        """Given a socket that listens and the agent's argv, start the agent."""
        self._listener = listener
        pipe = subprocess.PIPE
        self._agent = subprocess.Popen(agent, stdin=pipe, stdout=pipe, stderr=pipe, cwd=pathlib.Path.home())
        self._to_agent: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._changed = threading.Condition()
        """Guards what follows; notified when `run` must look anew."""
        self._guest: Guest | None = None
        self._until = time.monotonic() + FIRST_GUEST
        """When to end, if there is no guest."""
        self._over = False
        self._memory = Memory()

    def run(self) -> None:
        """Keep the agent until a guest has said `end`, or none has come back in time. No agent runs any more then."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        # In a thread of its own: the main thread may hold the lock.
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=self._end).start())
        threading.excepthook = self._fail
        for work in (self._feed_agent, self._hear_agent, self._open_door):
            threading.Thread(target=work, daemon=True).start()
        with self._changed:
            while not self._over:
                left = self._until - time.monotonic()
                self._over = self._guest is None and left <= 0
                if not self._over:
                    self._changed.wait(None if self._guest else left)
        self._to_agent.put(b"")
        try:
            self._agent.wait(STOPPING)
        except subprocess.TimeoutExpired:
            self._agent.kill()  # its tools die of that
            self._agent.wait()

    def _end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _fail(self, error: threading.ExceptHookArgs) -> None:
        """Tell the guest of a fault of ours, and end."""
        text = "".join(traceback.format_exception(error.exc_type, error.exc_value, error.exc_traceback))
        self._remember_end(-1, text[-TAIL_BYTES:])
        self._end()

    def _feed_agent(self) -> None:
        """Write what is for the agent, up to nothing: the end. Should it not read, nobody but this thread waits."""
        with contextlib.suppress(BrokenPipeError), _pipe(self._agent.stdin) as pipe:  # how it ended says more
            while line := self._to_agent.get():
                pipe.write(line)
                pipe.flush()

    def _hear_agent(self) -> None:
        """Pass on what the agent says, and how it ended."""
        tail = bytearray()
        errors = threading.Thread(target=_read_tail, args=[_pipe(self._agent.stderr), tail], daemon=True)
        errors.start()
        for line in _pipe(self._agent.stdout):
            if line.endswith(b"\n"):  # what a crash cut off is no line
                with self._changed:
                    self._memory.heard(line)
                    self._tell(line)
        status = self._agent.wait()
        errors.join(2.0)
        self._remember_end(status, tail.decode("utf-8", "replace").strip())

    def _remember_end(self, status: int, words: str) -> None:
        with self._changed:
            self._memory.ended = word("ended", status=status, words=words)
            self._tell(self._memory.ended)

    def _tell(self, line: bytes) -> None:
        if self._guest:
            self._guest.say(line)

    def _open_door(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Take a guest's lines until it is gone or replaced."""
        guest = Guest(connection)
        with connection, contextlib.suppress(ConnectionError), connection.makefile("rb") as lines:
            hello = lines.readline()
            if not hello.endswith(b"\n") or not self._welcome(guest):
                return
            try:
                # The rest of a line that was cut is lost: half of it must not reach the agent.
                while (line := lines.readline()).endswith(b"\n") and self._take(guest, line):
                    pass
            finally:
                self._see_off(guest, json.loads(hello)["grace"])

    def _welcome(self, guest: Guest) -> bool:
        """Make it the guest, and tell it where things stand. Return False if it comes too late."""
        with self._changed:
            if self._over:
                return False
            self._tell(word("replaced"))
            if self._guest:
                self._guest.leave()
            self._guest = guest
            guest.say(word("attached" if self._memory.has_job else "started"))
            for line in self._memory.lines():
                guest.say(line)
            self._changed.notify_all()
            return True

    def _take(self, guest: Guest, line: bytes) -> bool:
        """Take a line of a guest. Return False if it is the guest no more."""
        with self._changed:
            if guest is not self._guest:
                return False
            if line == END:
                self._end()
            elif not line.startswith(WORD):
                self._memory.told(line)
                self._to_agent.put(line)
            return True

    def _see_off(self, guest: Guest, grace: float) -> None:
        with self._changed:
            if guest is self._guest:
                self._guest = None
                self._until = time.monotonic() + grace
                self._changed.notify_all()
        guest.leave()
        guest.has_left(STOPPING)


class Guest:
    """One connection, with its own thread to write to it: should nobody read there, nobody else waits."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def say(self, line: bytes) -> None:
        """Write a line to it, after those before."""
        self._lines.put(line)

    def leave(self) -> None:
        """Close the connection when all lines are written."""
        self._lines.put(b"")

    def has_left(self, seconds: float) -> None:
        """Wait that long for `leave` to be done."""
        self._writer.join(seconds)

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # it is gone
            while line := self._lines.get():
                self._connection.sendall(line)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # wakes who reads from it


class Memory:
    """What somebody who comes back must be told."""

    def __init__(self) -> None:
        self.has_job = False
        self.ended = b""
        self._asked: list[dict[str, Any]] = []
        """The questions for URLs that have no answer yet, one part each."""
        self._progress: dict[str, bytes] = {}
        self._last = b""

    def heard(self, line: bytes) -> None:
        """Take in a line of the agent's."""
        event = json.loads(line)
        if event["event"] == "progress":
            self._progress[event["stage"]] = line
        elif event["event"] == "urls":
            self._asked += [{**event, "parts": [part]} for part in event["parts"]]
        else:
            self._last = line

    def told(self, line: bytes) -> None:
        """Take in a line of the controller's: first the job, then answers."""
        if not self.has_job:
            self.has_job = True
            return
        answer = json.loads(line)
        for given in answer["requests"]:
            place = _place(answer, given["number"])
            # several threads of the agent may have asked for the same: one answer is for one of them
            found = next((asked for asked in self._asked if _place(asked, asked["parts"][0]["number"]) == place), None)
            if found:
                self._asked.remove(found)

    def lines(self) -> Iterator[bytes]:
        """Yield what is to be told, in order."""
        yield from self._progress.values()
        for asked in self._asked:
            yield json.dumps(asked).encode() + b"\n"
        yield from filter(None, (self._last, self.ended))


def _place(message: dict[str, Any], number: int) -> tuple[str, str, str, int]:
    return message["store"], message["artifact"], message["method"], number


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the agent was started with pipes")
    return pipe


def _read_tail(pipe: IO[bytes], tail: bytearray) -> None:
    while chunk := os.read(pipe.fileno(), 65536):
        tail += chunk
        del tail[:-TAIL_BYTES]
