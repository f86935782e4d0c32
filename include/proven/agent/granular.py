"""Job `granular`: a restore that verifies whole artifacts, loads what is wanted of them, and looks at what came of it."""

from __future__ import annotations

import os
import pathlib
import secrets
import subprocess
from collections.abc import Callable
from typing import Any

from . import client, fingerprint, inventory, loading, names, processes, references, sampling, server
from .context import Context, peak_rss_bytes
from .errors import AgentError
from .jobs import GranularJob, RestoreArtifact, Wanted
from .opening import Opener
from .pipeline import Pipeline, widen, write_all
from .protocol import Endpoint
from .sections import Sections
from .tables import list_tables


def run(job: GranularJob, context: Context) -> dict[str, Any]:
    """Restore what is wanted and return the result as `jobs.GranularJob` describes it. Raise AgentError."""
    for program in ("gpg", "zstd", *([job["tools"]["client"][0]] if job["target"] else [])):
        processes.find_program(program, job["tools"]["path"])
    restore, target = Granular(job, context), job["target"]
    if target is None:
        plain_bytes = restore.write_file(pathlib.Path(job["output"]))
    else:
        client.Session(job["tools"], target, context.commands).close()
        plain_bytes = sum(restore.load(artifact, target) for artifact in job["artifacts"])
    restore.check_found()
    seen = _look(job, target, context) if target else {}
    return {
        **seen,
        "plain_bytes": plain_bytes,
        "stages": context.progress.stages(),
        "commands": context.commands.as_list(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


class Granular:
    """One restore of tables or schemas that runs."""

    def __init__(self, job: GranularJob, context: Context) -> None:
        self._job = job
        self._context = context
        self._opener = Opener(job["tools"], job["store"], context)
        self._found: set[tuple[str, str]] = set()

    def load(self, artifact: RestoreArtifact, target: Endpoint) -> int:
        """Feed what is wanted of an artifact to the client and return the artifact's plain size in bytes."""
        tools = self._job["tools"]
        loader = client.start_with_defaults(tools["client"], tools, target, self._context.commands, stdin=subprocess.PIPE)
        widen(loader.stdin)

        def watch(pipeline: Pipeline) -> None:
            pipeline.add(loader, lambda process, status: loading.explain_load(process, status, artifact["name"], target))

        return self._open(artifact, loader.stdin.write, loader.stdin.close, watch)

    def write_file(self, output: pathlib.Path) -> int:
        """Write what is wanted to a file that stands only when everything held, and return the artifacts' plain size."""
        partial = output.with_name(f".{output.name}.{secrets.token_hex(4)}.partial")
        self._context.remove_at_end(partial)
        try:
            with open(partial, "xb", buffering=0) as file:  # noqa: PTH123 - Path.open knows no unbuffered "x" in its types
                size = sum(self._open(artifact, file.write) for artifact in self._job["artifacts"])
                os.fsync(file.fileno())
            self.check_found()
            os.link(partial, output)  # unlike a rename, it never takes another file's place
        except OSError as error:
            hint = "Choose a directory that exists, may be written, has room for the SQL and no file of that name."
            raise AgentError("sandbox", f"{output}: can't be written", detail=str(error), hint=hint) from None
        return size

    def check_found(self) -> None:
        """Raise AgentError (integrity) unless every table that is wanted was in the dump."""
        wanted = {(one["schema"], name) for one in self._job["wanted"] for name in one["tables"]}
        if missing := sorted(names.display(*path) for path in wanted - self._found):
            hint = "Its manifest says otherwise. Take them from another recovery point, and find out what became of this one."
            raise AgentError("integrity", f"the dump holds no {', '.join(missing)}", hint=hint)

    def _open(
        self,
        artifact: RestoreArtifact,
        write: Callable[[memoryview], object],
        close: Callable[[], object] = lambda: None,
        watch: Callable[[Pipeline], None] = lambda pipeline: None,
    ) -> int:
        sections = Sections(self._job["wanted"], lambda text: write_all(write, memoryview(text)))

        def end() -> None:
            sections.close()
            close()

        prefix = "" if artifact["role"] == "dump" else f"{artifact['role']} "
        stage = self._context.progress.stage
        with (
            stage(f"{prefix}download", artifact["bytes"]) as fetched,
            stage(f"{prefix}read", artifact["plain_bytes"]) as loaded,
        ):
            size = self._opener.open(artifact, fetched, loaded, sections.feed, end, watch)
        self._found |= sections.found
        return size


def _look(job: GranularJob, target: Endpoint, context: Context) -> dict[str, Any]:
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
