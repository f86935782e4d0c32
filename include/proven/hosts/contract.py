"""The contract of a host: a machine on which an agent runs, next to the data.

Every implementation passes `tests/hosts/test_conformance.py`. A host starts the agent (`agent_archive.py`) and gives its
pipes; what is said on them is `agent/protocol.py`, and none of the host's business.

A run may have a *name*. On a host that can be cut off (SSH), a named run goes on for `grace` seconds after its controller has
vanished without a word, and whoever starts that name again in this time is connected to it: it has its job already, tells what
it is waiting for (its open questions for URLs) and how it ended. A run without a name, and every run on this machine, ends with
the pipe on which it was given its job: nothing survives a dead controller there.
"""

from __future__ import annotations

from typing import IO, Protocol

from include.proven.errors import ToolError

GRACE = 60.0
"""Seconds in which a retried task may come back to its agent."""


class LostError(ToolError):
    """The connection to an agent was cut. If its run has a name, it goes on for its grace."""


class Running(Protocol):
    """An agent that runs, or one that ran on and that we are connected to again."""

    attached: bool
    """True: it ran before we came and must not be given its job."""
    stdin: IO[bytes]
    stdout: IO[bytes]

    def wait(self) -> int:
        """Return its exit status when it has ended. Raise LostError if the connection to it is lost."""

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr: the traceback of a crash, or nothing."""

    def end(self) -> None:
        """Stop it now, if it still runs, and let go of it: nothing of it is left on the host. Called always."""


class Host(Protocol):
    """A machine on which agents run."""

    name: str
    """For people: `this worker`, `db1.example.org`."""

    def start(self, run: str = "", *, grace: float = GRACE) -> Running:
        """Start an agent, or connect to the one that runs under that name.

        Raise ToolError if it can't be started there; SandboxError or SourceError, as the host was opened, if the machine can't
        be reached or is not the one that it should be.
        """

    def close(self) -> None:
        """Let go of what the host holds open here (its connection). What runs on it is not stopped by that."""
