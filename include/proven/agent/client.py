"""Talks to a database server through its real command-line client, which is all that a database host is sure to have.

One `Session` is one connection that stays open: locks and snapshots are held across statements.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import threading
from types import TracebackType
from typing import IO, Optional

from . import explain, processes
from .errors import AgentError
from .processes import CommandLog, Process
from .protocol import Endpoint, Tools

DEFAULTS = "{defaults}"
ESCAPE = re.compile(rb"\\([0nt\\])")
ESCAPED = {b"0": b"\0", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}

Row = tuple[Optional[str], ...]


class Session:
    """One connection to the server. The first statement that fails ends it: raise AgentError (source).

    It may be used from any thread, by one at a time, but is opened in the main thread (see `processes`).
    """

    def __init__(self, tools: Tools, endpoint: Endpoint, commands: CommandLog) -> None:
        self.endpoint = endpoint
        self._lock = threading.Lock()
        pipe = subprocess.PIPE
        self._process = start_with_defaults(tools["client"], tools, endpoint, commands, stdin=pipe, stdout=pipe)
        # A buffered reader splits lines fast; results may be larger than the pipe.
        self._lines: IO[bytes] = os.fdopen(os.dup(self._process.stdout.fileno()), "rb", buffering=1 << 18)
        self._closed = False
        self.query("SELECT 1")

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def query(self, sql: str) -> list[Row]:
        """Run one statement and return its rows, each a tuple of text and None.

        The client prints NULL and the text `NULL` alike: both become None. Bytes that are no UTF-8 come as surrogate
        escapes. Raise AgentError (source) if the server refuses or the connection is lost; the session is over then.
        """
        nonce = secrets.token_hex(16)
        with self._lock:
            self._send(f"{sql.rstrip().rstrip(';')}\n;\nSELECT '{nonce}';\n".encode("utf-8", "surrogateescape"))
            return self._receive(f"{nonce}\n".encode())

    def execute(self, sql: str) -> None:
        """Run one statement for its effect. Raise AgentError (source) as `query` does."""
        self.query(sql)

    def kill(self) -> None:
        """Cut the connection at once, from any thread: locks fall, whoever waits for an answer gets an AgentError."""
        self._process.kill()

    def close(self) -> None:
        """End the session: the server drops its locks and its snapshot."""
        if self._closed:
            return
        self._closed = True
        processes.close_quietly(self._process.stdin)
        try:
            self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.close()
        self._lines.close()

    def _send(self, statement: bytes) -> None:
        view = memoryview(statement)
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except (BrokenPipeError, ValueError):
            raise self._failure() from None

    def _receive(self, sentinel: bytes) -> list[Row]:
        rows: list[Row] = []
        for line in self._lines:
            if line == sentinel:
                return rows
            rows.append(split_row(line))
        raise self._failure()

    def _failure(self) -> AgentError:
        try:
            self._process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return explain.source_error("statement", self._process.last_words(), self.endpoint)


def start_with_defaults(
    argv: list[str],
    tools: Tools,
    endpoint: Endpoint,
    commands: CommandLog,
    *,
    stdin: processes.Stream = subprocess.DEVNULL,
    stdout: processes.Stream = subprocess.DEVNULL,
) -> Process:
    """Given an argv with `{defaults}` in it, start the tool with user, password and address in an anonymous pipe."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(option_file(endpoint))
        filled = [argument.replace(DEFAULTS, f"/dev/fd/{reading}") for argument in argv]
        return processes.start(
            filled,
            commands,
            path=tools["path"],
            stdin=stdin,
            stdout=stdout,
            pass_fds=[reading],
            secrets=[endpoint["password"]],
        )
    finally:
        os.close(reading)


def option_file(endpoint: Endpoint) -> bytes:
    """Return the option file that names the server and the account to every MySQL and MariaDB tool."""
    options = {"user": endpoint["user"], "password": endpoint["password"]}
    if endpoint["socket"]:
        options |= {"socket": endpoint["socket"], "protocol": "socket"}
    else:
        # Without `protocol` the tools take "localhost" for their default socket and ignore the port.
        options |= {"host": endpoint["host"] or "localhost", "port": str(endpoint["port"] or 3306), "protocol": "tcp"}
    lines = ["[client]", *(f"{name}={quote_option(value)}" for name, value in options.items()), ""]
    return "\n".join(lines).encode()


def quote_option(value: str) -> str:
    """Return a value as option files want it: quoted, so that `#` begins no comment and spaces stay, and escaped."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(plain, escaped)
    return f'"{value}"'


def split_row(line: bytes) -> Row:
    """Given one line of batch output, return its fields with the client's escapes undone."""
    return tuple(_field(field) for field in line.removesuffix(b"\n").split(b"\t"))


def _field(field: bytes) -> str | None:
    if field == b"NULL":
        return None
    return ESCAPE.sub(lambda match: ESCAPED[match[1]], field).decode("utf-8", "surrogateescape")
