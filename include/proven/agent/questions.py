"""The checks that ask whether source and copy say the same, asked of the source, in the dump's snapshot.

Nothing that goes wrong here may lose the backup: a question that the server refuses, or that takes too long, has the reason for
its answer. One more session asks them, whose client goes on after an error (`--force`): the snapshot outlives a bad statement.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import client, explain, names, processes, query, user_check
from .errors import AgentError
from .processes import CommandLog
from .protocol import Endpoint, Question, Tools

READY = 30.0
"""Seconds for opening the session and its snapshot."""
IDLE = 31536000
"""Seconds that the server leaves an idle session alone."""


class Questions:
    """Asks questions in a snapshot of its own. Without questions nothing is connected. It is made in the main thread."""

    def __init__(self, questions: Sequence[Question], tools: Tools, endpoint: Endpoint, commands: CommandLog) -> None:
        self._questions = questions
        self._endpoint = endpoint
        self._lost = ""
        self._session: _ForcedSession | None = None
        if questions:
            with self._noting():
                self._session = _ForcedSession(tools, endpoint, commands)
                self._session.require(f"SET SESSION wait_timeout = {IDLE}")
                self._session.require("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def open_snapshot(self) -> None:
        """Open the snapshot, while the lock is held."""
        if self._session and not self._lost:
            with self._noting():
                self._session.require("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def ask(self) -> dict[str, Any]:
        """Return the answers as `manifest.Answer` has them, by name, and close the session."""
        answers = {question["name"]: self._answer(question) for question in self._questions}
        if self._session:
            self._session.close()
        return answers

    def _answer(self, question: Question) -> dict[str, Any]:
        answer: dict[str, Any] = {"sql": question["sql"], "columns": [], "rows": [], "error": self._lost}
        if self._session is None or self._lost:
            return answer
        try:
            self._session.require(user_check.settings(self._endpoint["flavour"], question["time_limit"]))
            rows, error = self._session.ask(question["sql"], question["time_limit"])
        except AgentError as lost:
            # what comes after it can't be asked in this snapshot any more
            self._lost = f"{_words(lost)} (in {question['name']!r})"
            return {**answer, "error": _words(lost)}
        if not error and not rows:
            error = "it is no SELECT: there is no answer"
        if error:
            return {**answer, "error": error}
        return {**answer, "columns": [names.spell(name) for name in rows[0]], "rows": [list(row) for row in rows[1:]]}

    def cut(self) -> None:
        """Cut the connection at once, from any thread: the backup has failed."""
        if self._session:
            self._session.cut()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except AgentError as error:
            self._lost = _words(error)


class _ForcedSession:
    """One connection that outlives refused statements, and says of each whether it was refused."""

    def __init__(self, tools: Tools, endpoint: Endpoint, commands: CommandLog) -> None:
        self._endpoint = endpoint
        self._mark = "\0"
        argv = [*tools["client"], "--column-names", "--quick", "--force"]
        pipe = subprocess.PIPE
        self._process = client.start_with_defaults(argv, tools, endpoint, commands, stdin=pipe, stdout=pipe)
        self._lines = os.fdopen(os.dup(self._process.stdout.fileno()), "rb")

    def require(self, statement: str) -> None:
        """Run a statement without an answer. Raise AgentError (source) if it is refused or the connection is lost."""
        _, error = self.ask(statement, READY)
        if error:
            raise AgentError("source", error)

    def ask(self, sql: str, time_limit: float) -> tuple[list[client.Row], str]:
        """Return the answer, its header first, and the error that the server has told. Raise AgentError (source) if the
        connection is lost."""
        sentinel, overran = secrets.token_hex(16), threading.Event()

        def end() -> None:
            overran.set()
            self._process.kill()

        timer = threading.Timer(time_limit + query.GRACE, end)
        timer.daemon = True
        timer.start()
        try:
            return self._converse(sql, sentinel)
        except AgentError:
            if overran.is_set():
                said = explain.last_line(self._process.last_words())
                raise AgentError("source", f"not done within {time_limit:g} s", detail=said) from None
            raise
        finally:
            timer.cancel()

    def cut(self) -> None:
        """Cut the connection at once, from any thread."""
        self._process.kill()

    def close(self) -> None:
        """End the session."""
        processes.close_quietly(self._process.stdin)
        try:
            self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.close()
        self._lines.close()

    def _converse(self, sql: str, mark: str) -> tuple[list[client.Row], str]:
        # Errors are read where the client tells them: MariaDB's SHOW ERRORS lacks those of a statement that was broken off. The
        # mark stands at the end of both: on standard error as a column that nobody has.
        text = f"{sql}\n;\nDO `{mark}`;\nSELECT '{mark}' AS `{mark}`;\n"
        try:
            view = memoryview(text.encode("utf-8", "surrogateescape"))
            while view:
                view = view[self._process.stdin.write(view) :]
        except (BrokenPipeError, ValueError):
            raise self._failure() from None
        rows, count = self._receive(f"{mark}\n".encode())
        before, found, _ = self._process.wait_for_word(mark, query.GRACE).partition(mark)
        if not found:
            raise self._failure()
        said, self._mark = before.rpartition(self._mark)[2], mark
        # what the mark's own error begins with is no error of the question
        if errors := [line for line in said.splitlines()[:-1] if line.startswith("ERROR")]:
            return [], explain.last_line(errors[0])
        if count > query.ROWS + 1:
            return [], f"answers with more than {query.ROWS} rows"
        return rows, ""

    def _receive(self, mark: bytes) -> tuple[list[client.Row], int]:
        """Read up to the mark: the first lines of the answer, and how many it has."""
        first: list[client.Row] = []
        for count, line in enumerate(self._lines):
            if line == mark:
                next(self._lines, b"")  # its header and its row are alike
                return first, count
            if count <= query.ROWS:
                first.append(client.split_row(line))
        raise self._failure()

    def _failure(self) -> AgentError:
        try:
            self._process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return explain.source_error("question", self._process.last_words(), self._endpoint)


def _words(error: AgentError) -> str:
    return ": ".join(part for part in (error.what, error.detail) if part)
