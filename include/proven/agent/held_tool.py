"""A tool that is started, has loaded all that it needs, and waits at its option file before it connects.

What a tool needs to start takes longer than to connect, and need not be done while writers wait. Its option file is a pipe: as
long as nothing comes out of it, the tool waits.
"""

from __future__ import annotations

import array
import fcntl
import os
import subprocess
import termios
import time

from . import client, processes
from .processes import CommandLog
from .protocol import Endpoint, Tools

COMMENT = b"# more follows\n"
INTERVAL = 0.002


class HeldTool:
    """One tool; `process` is it. Its output comes line by line, so that what it says is heard when it says it."""

    def __init__(self, argv: list[str], tools: Tools, endpoint: Endpoint, commands: CommandLog) -> None:
        """Given an argv with `{defaults}` in it, start the tool. Raise AgentError (tool) if it is missing."""
        self._options = client.option_file(endpoint)
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

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until the tool has begun to read its option file, has ended, or `seconds` are over: none of it is an error."""
        until = time.monotonic() + seconds
        while self._unread() and self.process.runs() and time.monotonic() < until:
            time.sleep(INTERVAL)

    def go(self) -> None:
        """Let it connect."""
        try:
            os.write(self._writing, self._options)
        except BrokenPipeError:
            pass  # it has ended: its status says why
        finally:
            os.close(self._writing)

    def _unread(self) -> int:
        size = array.array("i", [0])
        fcntl.ioctl(self._writing, termios.FIONREAD, size)
        return size[0]
