"""Another machine as a host: the agent is copied there and runs in an SSH session, or with a keeper (`agent/keeper.py`).

Nothing is needed there but sshd, Python 3.9 and the tools of the job; nothing is left there but the agent's file and an empty
directory, in `~/.cache/proven`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import paramiko

from include.proven.errors import ProvenError, SandboxError
from include.proven.hosts import ssh_line
from include.proven.hosts.contract import GRACE, LostError, Running
from include.proven.hosts.ssh_copy import copy_agent, execute
from include.proven.hosts.ssh_running import KeptRunning, SshRunning

UNREACHABLE = (OSError, EOFError, paramiko.SSHException, LostError)
NOTICING = 0.5
"""Seconds between the end of a connection's channels and its own."""


class SshHost:
    """A machine behind SSH. `hosts/contract.py` says what each method does."""

    def __init__(
        self,
        connect: Callable[[], paramiko.SSHClient],
        *,
        name: str,
        error: type[ProvenError] = SandboxError,
        sudo: bool = False,
    ) -> None:
        """Given what connects, and makes sure that it is the right machine. It is called when the first agent is started.

        `name` is for people, `error` is raised when the machine can't be reached, `sudo` makes the agent root by `sudo -n`.
        """
        self.name = name
        self._connect = connect
        self._error = error
        self._sudo = ["sudo", "-n", "--"] if sudo else []
        self._lock = threading.Lock()
        self._client: paramiko.SSHClient | None = None
        self._agent = ""

    def start(self, run: str = "", *, grace: float = GRACE) -> Running:
        """Start an agent, or connect to the one that runs under that name."""
        held = self._client
        try:
            return self._start(run, grace)
        except UNREACHABLE as error:
            if held is None or _stands(held, NOTICING):
                raise self._unreachable(error) from error
        # The connection that we held was cut, and nobody had noticed: a new one may stand.
        try:
            return self._start(run, grace)
        except UNREACHABLE as error:
            raise self._unreachable(error) from error

    def close(self) -> None:
        """Close the connection. An agent without a name ends with it."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _start(self, run: str, grace: float) -> Running:
        client, agent = self._prepare()
        argv = [*self._sudo, "python3", "-I", agent]
        if run:
            return KeptRunning(execute(client, [*argv, "keep", run, f"{grace:g}"]), self.name, run, grace)
        return SshRunning(execute(client, argv), self.name)

    def _unreachable(self, error: Exception) -> ProvenError:
        if isinstance(error, LostError):
            return error
        hint = "Is it up, does its sshd listen, do its host key and ours still hold? `ssh -v` to it tells more."
        return self._error(f"ssh {self.name}: no connection", detail=f"{type(error).__name__}: {error}", hint=hint)

    def _prepare(self) -> tuple[paramiko.SSHClient, str]:
        """Return a connection that stands, and the agent's path at its other end."""
        with self._lock:
            if self._client is None or not _stands(self._client):
                self._client = self._connect()
                self._agent = ""
                if transport := self._client.get_transport():
                    ssh_line.watch(transport)
            if not self._agent:
                self._agent = copy_agent(self._client, self.name, self._sudo)
            return self._client, self._agent


def _stands(client: paramiko.SSHClient, wait: float = 0.0) -> bool:
    transport = client.get_transport()
    if transport is None:
        return False
    transport.join(wait)
    return bool(transport.is_active())
