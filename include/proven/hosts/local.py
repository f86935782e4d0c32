"""This machine as a host: an agent is a child whose pipes we hold."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile

from include.proven import agent_archive
from include.proven.hosts.contract import GRACE

ENVIRONMENT = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that the agent inherits: a worker's environment may hold secrets."""
PATIENCE = 10.0
"""Seconds that an agent has for cleaning up after its input was closed."""
LAST_BYTES = 2000


class LocalRunning:
    """An agent that is our child. `hosts/contract.py` says what each method does."""

    attached = False

    def __init__(self) -> None:
        """Start it."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # `end` closes it
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(agent_archive.build_agent())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            start_new_session=True,  # a terminal's ^C is for us; we end the agent
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the agent was started with pipes")
        self.stdin = self._process.stdin
        self.stdout = self._process.stdout

    def wait(self) -> int:
        """Return its exit status when it has ended."""
        return self._process.wait()

    def last_words(self) -> str:
        """Return the end of what it wrote to stderr."""
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - LAST_BYTES))
        return self._stderr.read().decode("utf-8", "replace").strip()

    def end(self) -> None:
        """Close its input, which stops it if it still runs, and wait for it."""
        for pipe in (self.stdin, self.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()


class LocalHost:
    """This machine. A name has no use here: an agent ends with its controller."""

    name = "this machine"

    def start(self, run: str = "", *, grace: float = GRACE) -> LocalRunning:  # the contract's
        """Start an agent."""
        return LocalRunning()

    def close(self) -> None:
        """Do nothing: there is no connection."""
