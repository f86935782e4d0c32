"""Job `replay`: pieces → verify → decrypt → whole files → the flavour's own binlog tool → client."""

from __future__ import annotations

import datetime
import pathlib
import re
import shutil
import subprocess
from typing import Any

from . import client, loading, processes
from .context import Context, peak_rss_bytes
from .errors import AgentError
from .jobs import ReplayJob
from .opening import Opener
from .pipeline import Pipeline, copy, describe_status, widen, write_all
from .processes import Process
from .protocol import Endpoint, Tools
from .replay_events import Transaction
from .replay_stop import Stop, find_stop

TOOLS = {
    # a source may count its GTIDs as it likes: what is missing or twice has been looked for already
    "mariadb": ["mariadb-binlog", "--no-defaults", "--loose-skip-gtid-strict-mode", "--skip-annotate-row-events"],
    # without the source's GTIDs, which only a server with the same gtid_mode and no history of its own would take
    "mysql": ["mysqlbinlog", "--no-defaults", "--skip-gtids"],
}
COMMON = ["--verify-binlog-checksum"]
END = re.compile(rb"^#\d{6} +\d+:\d\d:\d\d server id \d+ +end_log_pos (\d+)", re.MULTILINE)
LONGEST_END = 120
SPARE_BYTES = 64 * 1024 * 1024
WRAP = 1 << 32
"""Events count their offset in 32 bits, and a transaction may be longer."""


def run(job: ReplayJob, context: Context) -> dict[str, Any]:
    """Replay, and return the result as `jobs.ReplayJob` describes it. Raise AgentError."""
    target = job["target"]
    tools = ["gpg", "zstd", *([TOOLS[target["flavour"]][0], job["tools"]["client"][0]] if target else [])]
    for program in tools:
        processes.find_program(program, job["tools"]["path"])
    if target:
        client.Session(job["tools"], target, context.commands).close()
    files = _fetch(job, context)
    stop = find_stop(files, job["start"], job["until"])
    if target and stop.last:
        argv = _argv(TOOLS[target["flavour"]], files, job["start"], stop.last)
        _apply(job["tools"], target, context, argv, stop.last)
    return {
        **_describe(job, stop),
        "plain_bytes": sum(piece["plain_bytes"] for piece in job["pieces"]),
        "stages": context.progress.stages(),
        "commands": context.commands.as_list(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def _fetch(job: ReplayJob, context: Context) -> list[pathlib.Path]:
    """Bring all pieces into files of ours, and return these in order: the tool must see them in one run, for what spans two."""
    folder = context.private_directory()
    total = sum(piece["plain_bytes"] for piece in job["pieces"])
    _require_room(folder, total)
    opener = Opener(job["tools"], job["store"], context)
    files: list[pathlib.Path] = []
    stage = context.progress.stage
    with (
        stage("binlog download", sum(piece["bytes"] for piece in job["pieces"])) as fetched,
        stage("binlog open", total) as opened,
    ):
        for piece in job["pieces"]:
            path = folder / pathlib.PurePath(piece["file"]).name
            if path not in files:
                files.append(path)
            with path.open("ab", buffering=0) as file:
                if file.tell() != piece["start"]:
                    what = (
                        f"binary log: {piece['name']} begins at offset {piece['start']}, and {file.tell()} bytes are before it"
                    )
                    raise AgentError("integrity", what)
                if piece["plain_bytes"]:
                    opener.open(piece, fetched, opened, file.write)
    return files


def _require_room(folder: pathlib.Path, total: int) -> None:
    if (free := shutil.disk_usage(folder).free) < total + SPARE_BYTES:
        hint = "Free space there or set TMPDIR, ask for an earlier moment, or begin with a younger recovery point."
        what = f"{folder.parent}: {free} bytes are free, the binary log has {total}"
        raise AgentError("sandbox", what, hint=hint)


def _argv(tool: list[str], files: list[pathlib.Path], start: int, last: Transaction) -> list[str]:
    names = [path.name for path in files]
    chosen = [str(path) for path in files[: names.index(last.file) + 1]]
    return [*tool, *COMMON, f"--start-position={start}", f"--stop-position={last.end}", *chosen]


def _apply(tools: Tools, target: Endpoint, context: Context, argv: list[str], last: Transaction) -> None:
    """Feed what the tool makes of the files to the client. Raise AgentError unless both went to their ends, and to that one."""
    log = context.commands
    teller = processes.start(argv, log, path=tools["path"], stdout=subprocess.PIPE)
    loader = client.start_with_defaults(tools["client"], tools, target, log, stdin=subprocess.PIPE)
    for pipe in (teller.stdout, loader.stdin):
        widen(pipe)
    pipeline, seen = Pipeline(), _LastEvent()
    with context.progress.stage("binlog load") as loaded:

        def pour(data: memoryview) -> None:
            seen.see(bytes(data))
            write_all(loader.stdin.write, data)
            loaded.add(len(data))

        def drain() -> None:
            copy(teller.stdout, pour)
            loader.stdin.close()

        pipeline.add(teller, _explain_tool)
        pipeline.pump("binary log", drain)
        pipeline.add(loader, lambda process, status: loading.explain_load(process, status, "the binary log", target))
        pipeline.run()
    if seen.end != last.end % WRAP:
        what = f"{teller.name} ended at offset {seen.end} of {last.file}, not at {last.end}"
        raise AgentError("integrity", f"binary log: {what}", detail=teller.last_words()[-500:])


class _LastEvent:
    """Remembers where the last event ended that flowed by."""

    def __init__(self) -> None:
        self.end = -1
        self._rest = b""

    def see(self, data: bytes) -> None:
        text = self._rest + data
        for found in END.finditer(text):
            self.end = int(found[1])
        # a line that goes on in the next piece is looked at again with it
        self._rest = text[max(text.rfind(b"\n", 0), len(text) - LONGEST_END) :]


def _explain_tool(process: Process, status: int) -> AgentError:
    if status < 0:
        return AgentError("tool", f"{process.name} {describe_status(status)}")
    hint = "The log is damaged, or of a newer series than the tool: every piece was what its record says."
    detail = process.last_words()[-500:]
    return AgentError("integrity", f"binary log: {process.name} can't read it", detail=detail, hint=hint)


def _describe(job: ReplayJob, stop: Stop) -> dict[str, Any]:
    if stop.last is None:
        first = job["pieces"][0]["file"]
        return {"transactions": 0, "file": first, "offset": job["start"], "gtid": "", "committed_at": ""}
    at = datetime.datetime.fromtimestamp(stop.last.committed_at, datetime.timezone.utc).isoformat()
    last = {"file": stop.last.file, "offset": stop.last.end, "gtid": stop.last.gtid, "committed_at": at}
    return {"transactions": stop.transactions, **last}
