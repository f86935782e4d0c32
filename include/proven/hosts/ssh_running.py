"""Agents on another machine, as `hosts/contract.py` wants them: in an SSH session, or with a keeper (`agent/keeper.py`)."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from collections.abc import Mapping
from typing import IO, Any

import paramiko

from include.proven.agent import keeper
from include.proven.errors import ToolError
from include.proven.hosts import ssh_line
from include.proven.hosts.contract import LostError

PATIENCE = 20.0
"""Seconds that an agent has for cleaning up after it was told to end."""
BEAT = 5.0
GREETINGS = ("started", "attached")
LAST_BYTES = 2000


class SshRunning:
    """An agent that is the session's own program: it ends with the session."""

    attached = False

    def __init__(self, channel: paramiko.Channel, host: str) -> None:
        """Given a channel on which it was started, and the machine's name."""
        self._channel = channel
        self._host = host
        self._errors = bytearray()
        self.stdin: IO[bytes] = io.BufferedWriter(ssh_line.Input(channel))
        self.stdout: IO[bytes] = ssh_line.Lines(ssh_line.Output(channel))

    def wait(self) -> int:
        """Return its exit status when it has ended. Raise LostError if the connection is lost."""
        status = int(self._channel.recv_exit_status())
        if status < 0:  # the shell that waits for the agent gives a signal as 128 + its number
            raise self._lost()
        return status

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr."""
        while chunk := self._channel.recv_stderr(65536):
            self._errors += chunk
            del self._errors[:-LAST_BYTES]
        return self._errors.decode("utf-8", "replace").strip()

    def end(self) -> None:
        """Close its input, which stops it if it still runs, and wait for it. Raise ToolError if it does not end."""
        with contextlib.suppress(OSError, EOFError):  # the line is lost: it ends with that
            self._channel.shutdown_write()
        self._see_end()

    def _see_end(self) -> None:
        """Read what still comes until the program has ended, and close the channel."""
        until = time.monotonic() + PATIENCE
        self._channel.settimeout(PATIENCE)
        try:
            while self._channel.recv(65536) and time.monotonic() < until:
                pass
            ended = self._channel.status_event.wait(until - time.monotonic())
        except TimeoutError:
            ended = False
        finally:
            self._channel.close()
        if not ended:
            what = f"agent on {self._host}: has not ended within {PATIENCE:.0f} s"
            raise ToolError(what, hint="Look there for a process agent-….pyz that hangs, and kill it.")

    def _lost(self, hint: str = "What ran there stops by itself; try again.") -> LostError:
        return LostError(f"connection to {self._host} lost", detail=self.last_words(), hint=hint)


class KeptRunning(SshRunning):
    """An agent with a keeper, which the session's program is connected to."""

    def __init__(self, channel: paramiko.Channel, host: str, run: str, grace: float) -> None:
        """Given a channel on which a relay was started, wait for the keeper's greeting.

        Raise ToolError if it can't be started.
        """
        super().__init__(channel, host)
        self._run, self._grace = run, grace
        self._lines = _KeptLines(ssh_line.Output(channel))
        self.stdout = self._lines
        self._over = threading.Event()
        threading.Thread(target=self._beat, name=f"beat of {run}", daemon=True).start()
        self._lines.readline()
        if not self._lines.word["keeper"]:
            self._over.set()
            error = self._no_keeper()
            channel.close()
            raise error
        self.attached = self._lines.word["keeper"] == "attached"

    def wait(self) -> int:
        """Return its exit status when it has ended. Raise LostError if the connection to it is lost."""
        while self._lines.word["keeper"] in GREETINGS and self._lines.readline():
            pass
        word = self._lines.word
        if word["keeper"] == "replaced":
            raise ToolError(f"run {self._run} on {self._host}: another one has taken it over")
        if word["keeper"] != "ended":
            raise self._no_keeper()
        return int(word["status"])

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr."""
        return str(self._lines.word.get("words", "")) or super().last_words()

    def end(self) -> None:
        """Tell the keeper to end at once, and wait until nothing is left. Raise ToolError if it does not end."""
        self._over.set()
        with contextlib.suppress(BrokenPipeError):  # the line is lost: it ends after its grace
            self._say(keeper.END)
        self._see_end()

    def _beat(self) -> None:
        """Tell the relay that we live: no end of file tells it of a line that was cut in silence."""
        with contextlib.suppress(BrokenPipeError):
            while not self._over.wait(BEAT):
                self._say(keeper.ALIVE)

    def _say(self, line: bytes) -> None:
        self.stdin.write(line)  # whole lines, so that they are never mixed with the controller's
        self.stdin.flush()

    def _no_keeper(self) -> ToolError:
        if self._channel.recv_exit_status() < 0:  # none: not even the relay has ended
            hint = (
                f"What ran there goes on for {self._grace:g} s: a retry in this time finds it. After that it stops by itself."
            )
            return self._lost(hint)
        return ToolError(f"run {self._run} on {self._host}: its keeper is gone", detail=self.last_words(), hint="Try again.")


class _KeptLines(ssh_line.Lines):
    """The agent's lines, up to a word of the keeper's."""

    word: Mapping[str, Any] = {"keeper": ""}
    """The last."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line, or nothing at a word and at the end."""
        line = super().readline(size)
        if not line.startswith(keeper.WORD):
            return line
        self.word = json.loads(line)
        return b""
