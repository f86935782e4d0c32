"""Asks the server one thing in a connection of its own. That the account may not ask is an answer, and ends no session."""

from __future__ import annotations

import subprocess
from typing import Optional

from . import client, explain, processes
from .processes import CommandLog
from .protocol import Endpoint, Tools

Named = dict[str, Optional[str]]
"""One row: column → value."""


class Asker:
    """Asks one server."""

    def __init__(self, tools: Tools, endpoint: Endpoint, commands: CommandLog) -> None:
        self._tools = tools
        self._endpoint = endpoint
        self._commands = commands

    def ask(self, sql: str) -> list[Named] | None:
        """Run statements of which the last returns rows; return these, or None if the account lacks a privilege.

        Raise AgentError (source) for any other refusal. To be called in the main thread (see `processes`).
        """
        argv, pipe = [*self._tools["client"], "--column-names"], subprocess.PIPE
        process = client.start_with_defaults(argv, self._tools, self._endpoint, self._commands, stdin=pipe, stdout=pipe)
        try:
            process.stdin.write(f"{sql}\n;\n".encode("utf-8", "surrogateescape"))
            process.stdin.close()
        except BrokenPipeError:
            processes.close_quietly(process.stdin)  # the client's status says why
        with open(process.stdout.fileno(), "rb", closefd=False) as stream:
            lines = [client.split_row(line) for line in stream]
        status, words = process.wait(), process.last_words()
        process.close()
        if status == 0:
            return [dict(zip((name or "" for name in lines[0]), row)) for row in lines[1:]]
        if explain.error_code(words) in explain.MISSING_PRIVILEGE:
            return None
        raise explain.source_error("statement", words, self._endpoint)
