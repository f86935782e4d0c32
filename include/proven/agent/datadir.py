"""Job `datadir`: parts → verify → decrypt → decompress → extract → prepare: a data directory to start a server on."""

from __future__ import annotations

import os
import pathlib
import secrets
import shutil
import stat
import subprocess
from typing import Any

from . import loading, processes
from .context import Context, peak_rss_bytes
from .errors import AgentError
from .jobs import DatadirJob, RestoreArtifact
from .opening import Opener
from .physical import FOLDER
from .pipeline import Pipeline, describe_status, widen
from .processes import Process

LINK = "{link}"
TAKE_ANOTHER = "The files of this recovery point can't be brought to one moment: take a new full backup."


def run(job: DatadirJob, context: Context) -> dict[str, Any]:
    """Make the data directory and return the result as `jobs.DatadirJob` describes it. Raise AgentError."""
    for program in ("gpg", "zstd", job["extract"][0], *job["prepare"][:1]):
        processes.find_program(program, job["tools"]["path"])
    plain_bytes = Preparation(job, context).run()
    return {
        "plain_bytes": plain_bytes,
        "stages": context.progress.stages(),
        "commands": context.commands.as_list(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


class Preparation:
    """One data directory on its way: the full backup's files, then one link of the chain after the other brought into them."""

    def __init__(self, job: DatadirJob, context: Context) -> None:
        self._job = job
        self._context = context
        self._opener = Opener(job["tools"], job["store"], context)
        self._target = pathlib.Path(job["datadir"])
        self._partial = self._target.with_name(f".{self._target.name}.{secrets.token_hex(4)}.partial")

    def run(self) -> int:
        """Return how many plain bytes went into it. It stands only when everything held."""
        if self._target.exists():
            raise AgentError("sandbox", f"{self._target} exists", hint="Name a new folder: nothing is overwritten.")
        first, *others = self._job["artifacts"]
        size = self._extract(first, self._partial)
        self._prepare(first["name"], [])
        for number, artifact in enumerate(others, 1):
            link = self._partial.with_name(f"{self._partial.name}.{number}")
            size += self._extract(artifact, link)
            self._prepare(artifact["name"], [option.replace(LINK, str(link)) for option in self._job["link"]])
            shutil.rmtree(link)
        self._finish()
        return size

    def _extract(self, artifact: RestoreArtifact, folder: pathlib.Path) -> int:
        """Fetch one artifact into a new folder. Whoever extracts has no rights but to that: what he reads is not ours."""
        self._context.remove_at_end(folder)
        self._run_short(["mkdir", "-m", "700", str(folder)])
        extract = [option.replace(FOLDER, str(folder)) for option in self._job["extract"]]
        tool = self._start(extract, stdin=subprocess.PIPE)
        widen(tool.stdin)

        def watch(pipeline: Pipeline) -> None:
            pipeline.add(tool, lambda process, status: _explain(process, status, f"extract of {artifact['name']}"))

        stage = self._context.progress.stage
        with stage("download", artifact["bytes"]) as fetched, stage("load", artifact["plain_bytes"]) as loaded:
            size = self._opener.open(artifact, fetched, loaded, tool.stdin.write, tool.stdin.close, watch)
        require_plain(folder, artifact["name"])
        return size

    def _prepare(self, name: str, options: list[str]) -> None:
        """Bring the files to the moment of one artifact. Raise AgentError (load) unless the tool says that it could."""
        if not self._job["prepare"]:
            return
        argv = [option.replace(FOLDER, str(self._partial)) for option in self._job["prepare"]]
        doing = f"prepare of {name}"
        with self._context.progress.stage("prepare"):
            tool = self._start([*argv, *options])
            status = tool.wait()
        words = tool.last_words()
        if status:
            raise _explain(tool, status, doing)
        if not words.endswith(self._job["end_marker"]):
            what = f"{doing}: the tool ended without {self._job['end_marker']!r}"
            raise AgentError("load", what, detail=words[-500:], hint=TAKE_ANOTHER)

    def _finish(self) -> None:
        try:
            self._partial.rename(self._target)
        except OSError as error:
            what = f"{self._target}: can't be written"
            raise AgentError("sandbox", what, detail=str(error), hint="Choose a folder that may be written.") from None

    def _run_short(self, argv: list[str]) -> None:
        tool = self._start(argv)
        if tool.wait():
            hint = "Choose a place that exists, may be written and has room for the data directory."
            raise AgentError("sandbox", f"{argv[-1]}: can't be made", detail=tool.last_words()[-500:], hint=hint)

    def _start(self, argv: list[str], *, stdin: processes.Stream = subprocess.DEVNULL) -> Process:
        path = self._job["tools"]["path"]
        whole = [*self._job["run_as"], processes.find_program(argv[0], path), *argv[1:]]
        tool = processes.start(whole, self._context.commands, path=path, stdin=stdin)
        tool.name = os.path.basename(argv[0])  # noqa: PTH119 - not the command that gives it its user
        return tool


def _refuse(error: OSError) -> None:
    raise AgentError("integrity", "a folder of the data directory can't be read", detail=str(error))


def require_plain(folder: pathlib.Path, name: str) -> None:
    """Raise AgentError (integrity) if there is anything but files and folders: a server would follow a link out of it."""
    for place, folders, files in os.walk(folder, onerror=_refuse):
        for path in (pathlib.Path(place, entry) for entry in [*folders, *files]):
            found = path.lstat()
            if not (stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)):
                what = f"{name} holds {path.relative_to(folder)}, which is no plain file"
                raise AgentError("integrity", what, hint="No server has made that: check who signed the recovery point.")


def _explain(process: Process, status: int, doing: str) -> AgentError:
    """Return the AgentError for a tool that could not: sandbox, tool or load."""
    words = process.last_words()
    if any(text in words for text in loading.DISK_FULL):
        hint = "Give the sandbox more disk: the recovery point itself has not been judged."
        return AgentError("sandbox", f"{doing}: no space left", detail=words[-500:], hint=hint)
    if status < 0:
        return AgentError("tool", f"{process.name} {describe_status(status)} during the {doing}", detail=words[-500:])
    return AgentError(
        "load", f"{doing} failed: {process.name} {describe_status(status)}", detail=words[-500:], hint=TAKE_ANOTHER
    )
