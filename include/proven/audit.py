"""The audit trail: every command that an agent ran, when and where, and who had asked for it.

Whoever runs agents for a record (a step of a drill, a check, a backup) listens meanwhile, and keeps what it has heard with that
record, signed. What an agent said of its commands is kept however it ended; of one that said nothing, that it was run.
"""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import getpass
import hashlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

from include.proven.manifest import Command, LeftOut

MOST_FIRST, MOST_LAST = 40, 20
"""Commands that a record keeps: how it began, and how it ended."""
LONGEST_ARGV, LONGEST_WORD = 2000, 200
"""Characters: a dump names every schema."""
AGENT = "proven-agent"
ELLIPSIS = "…"

_heard: contextvars.ContextVar[list[Command] | None] = contextvars.ContextVar("heard", default=None)


class AgentRun:
    """One run of an agent, which is told to whoever listens when it has ended."""

    def __init__(self, job: str, host: str = "") -> None:
        """`host` is empty for this machine."""
        self._job = job
        self._host = host or socket.gethostname()
        self._started_at = datetime.datetime.now(datetime.UTC)
        self._started = time.monotonic()
        self._told = False

    def end(self, status: int | None = None, commands: Sequence[dict[str, Any]] = ()) -> None:
        """Tell of the agent and its commands, unless that is done; without a status nobody knows how it has ended."""
        heard = _heard.get()
        if heard is None or self._told:
            return
        self._told = True
        heard += [Command.model_validate(command | {"host": self._host, "job": self._job}) for command in commands]
        seconds = round(time.monotonic() - self._started, 3)
        argv = [AGENT, *([self._job] if self._job else [])]
        heard.append(
            Command(argv=argv, status=status, seconds=seconds, started_at=self._started_at, host=self._host, job=self._job)
        )


@contextlib.contextmanager
def listen() -> Iterator[list[Command]]:
    """Yield a list that gets the commands of every agent that this thread runs in the block. An outer listener does not."""
    heard: list[Command] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def keep(heard: Sequence[Command]) -> dict[str, Any]:
    """Return what a record keeps of commands: its members `commands` and `commands_left_out`, bounded in size."""
    cut = [command.model_copy(update={"argv": _cut(command.argv)}) for command in heard]
    if len(cut) <= MOST_FIRST + MOST_LAST:
        return {"commands": cut, "commands_left_out": None}
    middle = cut[MOST_FIRST:-MOST_LAST]
    digest = hashlib.sha256("".join(f"{command.model_dump_json()}\n" for command in middle).encode()).hexdigest()
    left_out = LeftOut(count=len(middle), sha256=digest)
    return {"commands": cut[:MOST_FIRST] + cut[-MOST_LAST:], "commands_left_out": left_out}


def operator() -> str:
    """Return who asks at a command line, for `triggered_by`: `cli:alice@bastion`."""
    return f"cli:{login_name()}@{socket.gethostname()}"


def login_name() -> str:
    """Return the name of the account that this runs as."""
    try:
        return getpass.getuser()
    except KeyError:
        return f"uid {os.getuid()}"  # a container's account need not have a name


def _cut(argv: Sequence[str]) -> list[str]:
    words: list[str] = []
    room = LONGEST_ARGV
    for word in argv:
        words.append(word if len(word) <= LONGEST_WORD else word[: LONGEST_WORD - 1] + ELLIPSIS)
        room -= len(words[-1])
        if room < 0:
            return [*words[:-1], ELLIPSIS]
    return words
