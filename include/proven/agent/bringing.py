"""Brings what is wanted into a server or a new file, whatever it is poured from, and looks at what came of it."""

from __future__ import annotations

import os
import pathlib
import secrets
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from . import client, fingerprint, inventory, loading, names, processes, references, sampling, server
from .context import Context, peak_rss_bytes
from .errors import AgentError
from .jobs import BringingJob, Wanted
from .pipeline import Pipeline, widen
from .protocol import Endpoint
from .tables import list_tables

Write = Callable[[memoryview], object]
Close = Callable[[], object]
Watch = Callable[[Pipeline], None]
Found = set[tuple[str, str]]
"""Schema and name of each table and sequence that was poured."""
Pour = Callable[[Write, Close, Watch], int]
"""Pours one stream into `Write`, then closes it, and returns how many bytes were read for it. `Watch` adds whatever reads."""


def bring(job: BringingJob, context: Context, pours: Sequence[tuple[str, Pour]], found: Found) -> dict[str, Any]:
    """Have each stream, by its name, poured into the job's target, and return the result as `jobs.BringingJob` describes it.

    `found` is filled by them. Raise AgentError (integrity) if a table that is wanted was in none.
    """
    target = job["target"]
    if target is None:
        size = _write_new(pathlib.Path(job["output"]), context, job["wanted"], [pour for _, pour in pours], found)
    else:
        processes.find_program(job["tools"]["client"][0], job["tools"]["path"])
        with client.Session(job["tools"], target, context.commands) as session:
            # what is asked at the end must be allowed at the beginning
            references.find_broken(session, [one["into"] for one in job["wanted"]])
        size = sum(_feed(job, context, target, name, pour) for name, pour in pours)
        _require_found(job["wanted"], found)
    seen = _look(job, target, context) if target else {}
    return {
        **seen,
        "plain_bytes": size,
        "stages": context.progress.stages(),
        "commands": context.commands.as_list(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def _feed(job: BringingJob, context: Context, target: Endpoint, name: str, pour: Pour) -> int:
    """Have one stream poured into a client."""
    tools = job["tools"]
    loader = client.start_with_defaults(tools["client"], tools, target, context.commands, stdin=subprocess.PIPE)
    widen(loader.stdin)

    def watch(pipeline: Pipeline) -> None:
        pipeline.add(loader, lambda process, status: loading.explain_load(process, status, name, target))

    return pour(loader.stdin.write, loader.stdin.close, watch)


def _write_new(output: pathlib.Path, context: Context, wanted: list[Wanted], pours: list[Pour], found: Found) -> int:
    """Have all streams poured into a file that stands only when everything held."""
    partial = output.with_name(f".{output.name}.{secrets.token_hex(4)}.partial")
    context.remove_at_end(partial)
    try:
        with open(partial, "xb", buffering=0) as file:  # noqa: PTH123 - Path.open knows no unbuffered "x" in its types
            size = sum(pour(file.write, lambda: None, lambda pipeline: None) for pour in pours)
            os.fsync(file.fileno())
        _require_found(wanted, found)
        os.link(partial, output)  # unlike a rename, it never takes another file's place
    except OSError as error:
        hint = "Choose a directory that exists, may be written, has room for the SQL and no file of that name."
        raise AgentError("sandbox", f"{output}: can't be written", detail=str(error), hint=hint) from None
    return size


def _require_found(wanted: list[Wanted], found: Found) -> None:
    missing = {(one["schema"], name) for one in wanted for name in one["tables"]} - found
    if missing:
        hint = "Its manifest says otherwise. Take them from another recovery point, and find out what became of this one."
        told = ", ".join(sorted(names.display(*path) for path in missing))
        raise AgentError("integrity", f"the recovery point holds no {told}", hint=hint)


def _look(job: BringingJob, target: Endpoint, context: Context) -> dict[str, Any]:
    """Return what is there of what was wanted: its rows, its definitions, and what of it can't work."""
    tables: dict[str, Any] = {}
    definitions: dict[str, dict[str, str]] = {}
    broken: dict[str, str] = {}
    with client.Session(job["tools"], target, context.commands) as session, context.progress.stage("fingerprint"):
        described = server.describe(session)
        flavour = described["flavour"]
        server.steady(session, flavour)
        for wanted in job["wanted"]:
            tables |= _read_tables(session, wanted, job["like"].get("tables", {}))
            for kind, defined in _define(session, flavour, wanted).items():
                definitions.setdefault(kind, {}).update(defined)
            broken |= references.find_broken(session, [wanted["into"]])
    return {"server": described, "tables": tables, "inventory": definitions, "broken": broken}


def _read_tables(session: client.Session, wanted: Wanted, like: dict[str, Any]) -> dict[str, Any]:
    """Return each table's entry of a fingerprint, by the name that it has on the source."""
    found = {}
    for table in list_tables(session, wanted["into"]):
        if not wanted["tables"] or table.name in wanted["tables"]:
            name = names.display(wanted["schema"], table.name)
            found[name] = fingerprint.digest_table(session, table, sampling.choose(session, table, 0, like.get(name)))
    return found


def _define(session: client.Session, flavour: str, wanted: Wanted) -> dict[str, dict[str, str]]:
    """Return the definitions of what is wanted: what else a living schema holds is nobody's business here."""
    if wanted["tables"]:
        return inventory.take_tables(session, flavour, wanted["into"], wanted["tables"])
    return inventory.take(session, flavour, [wanted["into"]], defined=[])
