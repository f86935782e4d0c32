"""Job `user_check`: asks one of the database's own checks of a sandbox, as an account and in a transaction that may only read;
and asks for the server's plan, which tells whether any table is read."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator
from typing import Any

from . import client, explain, names, query, reading_account
from .context import Context
from .errors import AgentError
from .looks import UserCheckJob
from .processes import Process

READ_ONLY = "START TRANSACTION READ ONLY"
PLAN = "EXPLAIN FORMAT=TRADITIONAL "
READS_NOTHING = ("No tables used", "Table function", "Recursive")
"""What plans say of rows that come out of the statement itself."""
REFUSED = frozenset({1045, 1142, 1227, 1290, 1792})
"""What a reader is told who wants to write: INTO OUTFILE is `access denied`, a function that writes a READ ONLY transaction."""


@dataclasses.dataclass
class Lines:
    """What the client has printed: the plan, header and first rows of the answer, and how many rows that had."""

    plan: list[client.Row]
    kept: list[client.Row]
    count: int


def run(job: UserCheckJob, context: Context) -> dict[str, Any]:
    """Return the answer as `looks.UserCheckJob` describes it. Raise AgentError (source)."""
    account = reading_account.make(job["tools"], job["source"], context.commands)
    sentinel = secrets.token_hex(16)
    text = _statements(job, sentinel)

    def read(process: Process) -> Lines:
        return _read(process, f"{sentinel}\n".encode())

    try:
        lines = query.talk(job["tools"], account, context.commands, text, job["time_limit"], read)
    except AgentError as error:
        raise explain_refusal(error) from None
    return {
        "columns": [names.spell(name) for name in lines.kept[0]] if lines.kept else [],
        "rows": [list(row) for row in lines.kept[1:]],
        "count": lines.count,
        "reads_table": reads_table(*lines.plan),
        "commands": context.commands.as_list(),
    }


def settings(flavour: str, time_limit: float) -> str:
    """Return the statement that readies a session for a check: the time limit (seconds), and one time zone everywhere."""
    return f"SET SESSION {query.set_time_limit(flavour, time_limit)}, time_zone = '+00:00'"


def reads_table(header: client.Row, *rows: client.Row) -> bool:
    """Given a plan's column names and rows, say whether it reads any table: what is answered without one compares nothing."""
    places = {names.spell(name).lower(): position for position, name in enumerate(header)}
    table, extra = places["table"], places["extra"]
    return any(
        not (row[table] or "").startswith("<") and not any(sign in (row[extra] or "") for sign in READS_NOTHING) for row in rows
    )


def explain_refusal(error: AgentError) -> AgentError:
    """Return the error that says what a check may not do, where that is why the server refused it."""
    if explain.error_code(error.detail) not in REFUSED:
        return error
    hint = "A check reads only: as an account that may SELECT and call functions, in a READ ONLY transaction."
    return AgentError("source", "query: refused", detail=error.detail, hint=hint)


def _statements(job: UserCheckJob, sentinel: str) -> bytes:
    """Return what the client reads: settings, the plan, the sentinel between the two answers, the check."""
    sql = job["sql"].rstrip().rstrip(";")
    lines = [
        f"{settings(job['source']['flavour'], job['time_limit'])};",
        f"{READ_ONLY};",
        f"{PLAN}{sql}\n;",
        f"SELECT '{sentinel}' AS `{sentinel}`;",
        f"{sql}\n;",
        "",
    ]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _read(process: Process, mark: bytes) -> Lines:
    """Return what the client prints, of the answer the header and the first 100 rows."""
    lines = Lines([], [], 0)
    with open(process.stdout.fileno(), "rb", closefd=False) as stream:
        lines.plan = list(_until(mark, stream))
        next(stream, b"")  # the sentinel's header and its row are alike
        for number, line in enumerate(stream):
            if number <= query.ROWS:
                lines.kept.append(client.split_row(line))
            lines.count = number
    return lines


def _until(mark: bytes, stream: Iterator[bytes]) -> Iterator[client.Row]:
    for line in stream:
        if line == mark:
            return
        yield client.split_row(line)
