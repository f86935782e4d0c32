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
from include.proven.hosts.contract import GRACE, Running
from include.proven.hosts.ssh_copy import copy_agent, execute
from include.proven.hosts.ssh_running import KeptRunning, SshRunning


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
        try:
            client, agent = self._prepare()
            argv = [*self._sudo, "python3", "-I", agent]
            if run:
                return KeptRunning(execute(client, [*argv, "keep", run, f"{grace:g}"]), self.name, run, grace)
            return SshRunning(execute(client, argv), self.name)
        except (OSError, EOFError, paramiko.SSHException) as error:
            what = f"ssh {self.name}: no connection"
            hint = "Is it up, does its sshd listen, do its host key and ours still hold? `ssh -v` to it tells more."
            raise self._error(what, detail=f"{type(error).__name__}: {error}", hint=hint) from error

    def close(self) -> None:
        """Close the connection. An agent without a name ends with it."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _prepare(self) -> tuple[paramiko.SSHClient, str]:
        """Return a connection that stands, and the agent's path at its other end."""
        with self._lock:
            transport = self._client and self._client.get_transport()
            if self._client is None or transport is None or not transport.is_active():
                self._client = self._connect()
                self._agent = ""
                if transport := self._client.get_transport():
                    ssh_line.watch(transport)
            if not self._agent:
                self._agent = copy_agent(self._client, self.name, self._sudo)
            return self._client, self._agent
