"""The dump tool: is it fit for this server, and what did it die of?"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from typing import Any

from . import explain, processes
from .errors import AgentError
from .pipeline import describe_status
from .processes import CommandLog, Process
from .protocol import Endpoint, Tools

MARIADB_VERSION = re.compile(r"(?:Distrib |from |server )(\d+)\.(\d+)\.\d+-MariaDB")
MYSQL_VERSION = re.compile(r"Ver (\d+)\.(\d+)\.\d+")
SERVER_VERSION = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)")
BAD_VIEW = (1356, 1449)
NO_SUCH_TABLE = 1146
OTHER_COLUMNS = "Error in field count for table"


class InvalidViewError(AgentError):
    """A view refers to what is not there: it never was, or is being replaced just now."""


def check_version(tools: Tools, server: dict[str, Any], log: CommandLog) -> None:
    """Raise AgentError (tool) if the dump tool is of another flavour, or of an older series than the server.

    Series (10.11, 9.7), not patch levels: a server that was patched a day before its dump tool is no danger.
    """
    process = processes.start(tools["version"], log, path=tools["path"], stdout=subprocess.PIPE)
    answer = process.stdout.read().decode("utf-8", "replace").strip()
    status, name = process.wait(), tools["dump"][0]
    said = answer or process.last_words()  # mariadb-backup says it there
    if status:
        raise AgentError("tool", f"{name} {describe_status(status)} when asked for its version", detail=process.last_words())
    mariadb, other = MARIADB_VERSION.search(said), MYSQL_VERSION.search(said)
    flavour, version = ("mariadb", mariadb) if mariadb else ("mysql", other)
    served = SERVER_VERSION.match(server["version"])
    if version is None or served is None or flavour != server["flavour"]:
        hint = f"Install {server['flavour']}'s own dump tool, or correct `engine` in the fleet file."
        raise AgentError("tool", f"{name}: no dump tool for {server['flavour']} {server['version']}", detail=said, hint=hint)
    if (int(version[1]), int(version[2])) < (int(served[1]), int(served[2])):
        hint = (
            "Install the dump tool of the server's version on this host, and name its directory in `tools` of the fleet file."
        )
        raise AgentError("tool", f"{name} is older than the server ({server['version']})", detail=said, hint=hint)


def waits_at_gate(tools: Tools, log: CommandLog) -> bool:
    """Say whether the dump tool knows `init-command`: MySQL's does since 8.2, MariaDB's does not."""
    process = processes.start([*tools["version"][:-1], "--help"], log, path=tools["path"], stdout=subprocess.PIPE)
    said = process.stdout.read()
    process.wait()
    return b"--init-command=" in said


def arguments(tools: Tools, schemas: list[str], options: Sequence[str] = ()) -> list[str]:
    """Return the argv that dumps the schemas, `options` overriding the tool's own.

    Raise AgentError (source) for a name that the tool would take for an option.
    """
    for schema in schemas:
        if schema.startswith("-"):
            hint = "Rename it, or leave it out with `schemas` in the fleet file."
            raise AgentError("source", f"schema {schema!r} can't be dumped: its name begins like an option", hint=hint)
    return [*tools["dump"], *options, "--databases", *schemas]


def explain_death(process: Process, status: int, endpoint: Endpoint) -> AgentError:
    """Return the AgentError that says why the dump died: source where the server was the reason, else tool."""
    words = process.last_words()
    code = explain.error_code(words)
    died = f"{process.name} {describe_status(status)}"
    if code in BAD_VIEW:
        hint = "A view refers to something that is gone, or its definer is: drop it or repair it (SHOW CREATE VIEW)."
        return InvalidViewError("source", f"{died}: a view is invalid", detail=explain.last_line(words), hint=hint)
    if code == NO_SUCH_TABLE or OTHER_COLUMNS in words:
        # it was there, and of these columns, when the tool made its list
        what = f"{died}: a table was altered during the backup"
        return AgentError("source", what, detail=explain.last_line(words), hint=explain.NO_DDL)
    if code:
        return explain.source_error(died, words, endpoint)
    return AgentError(
        "tool", died, detail=words[-500:], hint="Run the dump by hand with the same options and look at its output."
    )


def check_whole(name: str, tools: Tools, *, snapshot: bool, ended: bool) -> None:
    """Raise AgentError (tool) if a dump that exited well said nothing of its snapshot or has no end: it must not count."""
    for said, marker in ((snapshot, tools["snapshot_marker"]), (ended, tools["end_marker"])):
        if not said:
            hint = "Something ended the dump early without an error: look at the server's log and the disk, then run it again."
            raise AgentError("tool", f"{name}: the dump is not whole: it lacks {marker!r}", hint=hint)
