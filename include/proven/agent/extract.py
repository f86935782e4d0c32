"""Job `extract`: what is wanted of a recovery point that a server serves is dumped from there, as it would be restored."""

from __future__ import annotations

import functools
import subprocess
from typing import Any

from . import bringing, client, dumping, names, processes, server
from .bringing import Close, Found, Watch, Write
from .context import Context
from .errors import AgentError
from .jobs import ExtractJob, Wanted
from .pipeline import Pipeline, Tap, copy, widen, write_all
from .progress import Meter
from .sections import Sections


def run(job: ExtractJob, context: Context) -> dict[str, Any]:
    """Extract what is wanted and return the result as `jobs.BringingJob` describes it. Raise AgentError."""
    for program in (job["tools"]["dump"][0], job["tools"]["client"][0]):
        processes.find_program(program, job["tools"]["path"])
    with client.Session(job["tools"], job["source"], context.commands) as session:
        dumping.check_version(job["tools"], server.describe(session), context.commands)
    with context.progress.stage("extract") as plain:
        extract = Extract(job, context, plain)
        pours = [(names.display(one["schema"]), functools.partial(extract.pour, one)) for one in job["wanted"]]
        return bringing.bring(job, context, pours, extract.found)


class Extract:
    """One extract that runs."""

    def __init__(self, job: ExtractJob, context: Context, plain: Meter) -> None:
        self._job = job
        self._context = context
        self._plain = plain
        self.found: Found = set()

    def pour(self, wanted: Wanted, write: Write, close: Close, watch: Watch) -> int:
        """Pour what is wanted of a schema, and return how many bytes the dump tool gave."""
        tools, source = self._job["tools"], self._job["source"]
        sections = Sections([wanted], lambda text: write_all(write, memoryview(text)), schema=wanted["schema"])
        dumper = client.start_with_defaults(
            _arguments(tools["dump"], wanted), tools, source, self._context.commands, stdout=subprocess.PIPE
        )
        widen(dumper.stdout)
        tap, pipeline = Tap(), Pipeline()

        def take(data: memoryview) -> None:
            tap.see(data)
            self._plain.add(len(data))
            sections.feed(data)

        def drain() -> None:
            # a dump of single tables names no schema
            write_all(write, memoryview(_begin(wanted, self._job["schemas"][wanted["schema"]])))
            copy(dumper.stdout, take)
            sections.close()
            close()

        pipeline.add(dumper, lambda process, status: dumping.explain_death(process, status, source))
        pipeline.pump("extract", drain)
        watch(pipeline)
        pipeline.run()
        dumping.check_whole(dumper.name, tools, snapshot=True, ended=tap.ends_with(tools["end_marker"]))
        self.found |= sections.found
        return tap.bytes


def _arguments(dump: list[str], wanted: Wanted) -> list[str]:
    """Return the argv that dumps a schema, or its tables. Raise AgentError (source) for what it would take for an option."""
    if option := next((name for name in (wanted["schema"], *wanted["tables"]) if name.startswith("-")), ""):
        raise AgentError("source", f"{option!r} can't be dumped by itself: its name begins like an option")
    if wanted["tables"]:
        return [*dump, wanted["schema"], *wanted["tables"]]
    return [*dump, "--databases", wanted["schema"]]


def _begin(wanted: Wanted, defined: str) -> bytes:
    """Return the statements that make a schema, if it is not there, and go to it. `defined` is its character set."""
    into = names.quote(wanted["into"])
    return f"CREATE DATABASE IF NOT EXISTS {into} {defined};\nUSE {into};\n".encode("utf-8", "surrogateescape")
