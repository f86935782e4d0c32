"""Job `query`: runs one statement of a user's check, with a time limit on the server and one on the client."""

from __future__ import annotations

import math
import subprocess
import threading
from typing import Any

from . import client, explain, names
from .context import Context
from .errors import AgentError
from .processes import Process
from .protocol import QueryJob

ROWS = 100
GRACE = 5.0
"""Seconds that the server has for keeping its own time limit before the client is killed."""
TOO_LONG = (1969, 3024)


def run(job: QueryJob, context: Context) -> dict[str, Any]:
    """Return `columns` and at most 100 `rows`. Both are empty where the statement returns no row. Raise AgentError (source)."""
    argv = [*job["tools"]["client"], "--column-names", "--quick"]
    pipe = subprocess.PIPE
    process = client.start_with_defaults(argv, job["tools"], job["source"], context.commands, stdin=pipe, stdout=pipe)
    overran = threading.Event()

    def end() -> None:
        overran.set()
        process.kill()

    timer = threading.Timer(job["time_limit"] + GRACE, end)
    timer.daemon = True
    timer.start()
    threading.Thread(target=_feed, args=[process, statements(job)], daemon=True).start()
    lines = _read(process)
    timer.cancel()
    status = process.wait()
    if overran.is_set():
        raise _too_long(job, "")
    if status and not process.killed:
        words = process.last_words()
        if explain.error_code(words) in TOO_LONG:
            raise _too_long(job, explain.last_line(words))
        raise explain.source_error("query", words, job["source"])
    columns = [field or "" for field in lines[0]] if lines else []
    return {"columns": columns, "rows": [list(row) for row in lines[1:]], "commands": context.commands.as_list()}


def statements(job: QueryJob) -> bytes:
    """Return what the client reads: the server's time limit, the schema, the statement."""
    seconds = job["time_limit"]
    limit = {"mariadb": f"max_statement_time = {seconds:g}", "mysql": f"max_execution_time = {math.ceil(seconds * 1000)}"}
    lines = [f"SET SESSION {limit[job['source']['flavour']]};"]
    if job["schema"]:
        lines.append(f"USE {names.quote(job['schema'])};")
    return "\n".join([*lines, job["sql"].rstrip().rstrip(";"), ";", ""]).encode("utf-8", "surrogateescape")


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


def _too_long(job: QueryJob, detail: str) -> AgentError:
    hint = "Make the check's query cheaper, or raise its time limit."
    return AgentError("source", f"query: not done within {job['time_limit']:g} s", detail=detail, hint=hint)
