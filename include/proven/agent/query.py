"""Job `query`: runs one statement, with a time limit on the server and one on the client."""

from __future__ import annotations

import math
import subprocess
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from . import client, explain, names
from .context import Context
from .errors import AgentError
from .looks import QueryJob
from .processes import CommandLog, Process
from .protocol import Endpoint, Tools

ROWS = 100
GRACE = 5.0
"""Seconds that the server has for keeping its own time limit before the client is killed."""
TOO_LONG = (1969, 3024)

T = TypeVar("T")


def run(job: QueryJob, context: Context) -> dict[str, Any]:
    """Return `columns` and at most 100 `rows`. Both are empty where the statement returns no row. Raise AgentError (source)."""
    lines = talk(job["tools"], job["source"], context.commands, statements(job), job["time_limit"], _read)
    columns = [field or "" for field in lines[0]] if lines else []
    return {"columns": columns, "rows": [list(row) for row in lines[1:]], "commands": context.commands.as_list()}


def talk(
    tools: Tools, endpoint: Endpoint, commands: CommandLog, text: bytes, time_limit: float, read: Callable[[Process], T]
) -> T:
    """Have the client run `text` and return what `read` makes of its output, in which columns are named.

    Raise AgentError (source) if the server refuses, or after `time_limit` seconds and some grace. `read` may kill the client
    when it has seen enough.
    """
    argv = [*tools["client"], "--column-names", "--quick"]
    pipe = subprocess.PIPE
    process = client.start_with_defaults(argv, tools, endpoint, commands, stdin=pipe, stdout=pipe)
    overran = threading.Event()

    def end() -> None:
        overran.set()
        process.kill()

    timer = threading.Timer(time_limit + GRACE, end)
    timer.daemon = True
    timer.start()
    threading.Thread(target=_feed, args=[process, text], daemon=True).start()
    found = read(process)
    timer.cancel()
    status = process.wait()
    if overran.is_set():
        raise too_long(time_limit)
    if status and not process.killed:
        raise refusal(process.last_words(), time_limit, endpoint)
    return found


def set_time_limit(flavour: str, seconds: float) -> str:
    """Return the assignment that limits a session's statements."""
    limit = {"mariadb": f"max_statement_time = {seconds:g}", "mysql": f"max_execution_time = {math.ceil(seconds * 1000)}"}
    return limit[flavour]


def statements(job: QueryJob) -> bytes:
    """Return what the client reads: the server's time limit, the schema, the statement."""
    lines = [f"SET SESSION {set_time_limit(job['source']['flavour'], job['time_limit'])};"]
    if job["schema"]:
        lines.append(f"USE {names.quote(job['schema'])};")
    return "\n".join([*lines, job["sql"].rstrip().rstrip(";"), ";", ""]).encode("utf-8", "surrogateescape")


def refusal(words: str, time_limit: float, endpoint: Endpoint) -> AgentError:
    """Given what the client has said last, return the AgentError (source) that explains it."""
    if explain.error_code(words) in TOO_LONG:
        return too_long(time_limit, explain.last_line(words))
    return explain.source_error("query", words, endpoint)


def too_long(time_limit: float, detail: str = "") -> AgentError:
    """Return the AgentError (source) for a statement that took longer than `time_limit` seconds."""
    hint = "Make the check's query cheaper, or raise its time limit."
    return AgentError("source", f"query: not done within {time_limit:g} s", detail=detail, hint=hint)


def _feed(process: Process, text: bytes) -> None:
    """Hand the statements over: a client that refuses them says so itself, and its status is read."""
    try:
        process.stdin.write(text)
        process.stdin.close()
    except BrokenPipeError:
        return


def _read(process: Process) -> list[client.Row]:
    """Return the header and the first 100 rows; end the client if it has more."""
    lines: list[client.Row] = []
    with open(process.stdout.fileno(), "rb", closefd=False) as stream:
        for line in stream:
            if len(lines) > ROWS:
                process.kill()
                break
            lines.append(client.split_row(line))
    return lines
