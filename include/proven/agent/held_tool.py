"""A tool that is started, has loaded all that it needs, and waits as near to its work as it can.

Starting and connecting take a tool longer than opening a transaction, and need not be done while writers wait. One that knows
`init-command` waits behind a gate on the server, connected. Any other waits at its option file, which is a pipe: as long as
nothing comes out of it, the tool does not connect.
"""

from __future__ import annotations

import array
import fcntl
import os
import secrets
import subprocess
import termios
import time
from collections.abc import Sequence

from . import client, processes
from .client import Session
from .processes import CommandLog
from .protocol import Endpoint, Tools

COMMENT = b"# more follows\n"
INTERVAL = 0.003
LONGEST = 24 * 3600
"""Seconds at the gate: as long as whoever holds it lives."""


class Gate:
    """A named lock of the server, shut by a session, behind which a tool waits."""

    def __init__(self, session: Session) -> None:
        """Shut it."""
        self._session = session
        self._name = f"proven_{secrets.token_hex(8)}"
        session.execute(f"DO GET_LOCK('{self._name}', 0)")

    @property
    def init_command(self) -> str:
        """The tool's first statement: it says that it is there, then waits."""
        return f"DO GET_LOCK('{self._name}_seen', 0), GET_LOCK('{self._name}', {LONGEST}), RELEASE_LOCK('{self._name}')"

    def is_reached(self) -> bool:
        """Say whether the tool is there."""
        return self._session.query(f"SELECT IS_USED_LOCK('{self._name}_seen') IS NOT NULL") == [("1",)]

    def open(self) -> None:
        """Let the tool pass."""
        self._session.execute(f"DO RELEASE_LOCK('{self._name}')")


class HeldTool:
    """One tool; `process` is it. Its output comes line by line, so that what it says is heard when it says it."""

    def __init__(
        self, argv: list[str], tools: Tools, endpoint: Endpoint, commands: CommandLog, gate: Gate | None = None
    ) -> None:
        """Given an argv with `{defaults}` in it, start the tool. Raise AgentError (tool) if it is missing."""
        self._gate = gate
        self._options = client.option_file(endpoint)
        if gate:
            self._options += f"init-command={client.quote_option(gate.init_command)}\n".encode()
        reading, self._writing = os.pipe()
        try:
            os.write(self._writing, COMMENT)
            self.process = processes.start(
                [argument.replace(client.DEFAULTS, f"/dev/fd/{reading}") for argument in argv],
                commands,
                path=tools["path"],
                stdout=subprocess.PIPE,
                pass_fds=[reading],
                secrets=[endpoint["password"]],
                by_lines=True,
            )
        finally:
            os.close(reading)
        if gate:
            self._tell_options()

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until the tool is where it waits, has ended, or `seconds` are over: none of it is an error."""
        until = time.monotonic() + seconds
        while not self._is_ready() and self.process.runs() and time.monotonic() < until:
            time.sleep(INTERVAL)

    def go(self) -> None:
        """Let it do its work."""
        if self._gate:
            self._gate.open()
        else:
            self._tell_options()

    def _is_ready(self) -> bool:
        if self._gate:
            return self._gate.is_reached()
        unread = array.array("i", [0])
        fcntl.ioctl(self._writing, termios.FIONREAD, unread)
        return unread[0] == 0

    def _tell_options(self) -> None:
        try:
            os.write(self._writing, self._options)
        except BrokenPipeError:
            pass  # it has ended: its status says why
        finally:
            os.close(self._writing)


class HeldTools:
    """Several that go to work at once, as if they were one."""

    def __init__(self, tools: Sequence[HeldTool]) -> None:
        self._tools = tools

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until each is where it waits, has ended, or `seconds` are over for all."""
        until = time.monotonic() + seconds
        for tool in self._tools:
            tool.wait_until_ready(max(0.0, until - time.monotonic()))

    def go(self) -> None:
        """Let all do their work."""
        for tool in self._tools:
            tool.go()
