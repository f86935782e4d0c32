"""Job `replay`: pieces → verify → decrypt → whole files → the flavour's own binlog tool → client."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

from . import client, processes, replay_load, replay_moment
from .context import Context, peak_rss_bytes
from .errors import AgentError
from .jobs import ReplayJob
from .opening import Opener
from .protocol import Endpoint
from .replay_load import Leg
from .replay_stop import Stop, find_stop, say_when

SPARE_BYTES = 64 * 1024 * 1024


def run(job: ReplayJob, context: Context) -> dict[str, Any]:
    """Replay, and return the result as `jobs.ReplayJob` describes it. Raise AgentError."""
    target = job["target"]
    tools = ["gpg", "zstd", *([replay_load.TOOLS[target["flavour"]][0], job["tools"]["client"][0]] if target else [])]
    for program in tools:
        processes.find_program(program, job["tools"]["path"])
    if target:
        client.Session(job["tools"], target, context.commands).close()
    files = _fetch(job, context)
    stop = find_stop(files, job["start"], job["until"])
    return {
        **_describe(job, stop),
        "moment": _apply(job, target, context, files, stop) if target else None,
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


def _apply(job: ReplayJob, target: Endpoint, context: Context, files: list[pathlib.Path], stop: Stop) -> dict[str, Any] | None:
    """Apply all up to the stop. Return what was seen at the moment that was to be looked at on the way, if any was."""
    way = Leg(files, job["start"], stop.last) if stop.last else None
    if not job["look_at"]:
        replay_load.load(job["tools"], target, context, [way] if way else [])
        return None
    with client.Session(job["tools"], target, context.commands) as session:
        look = replay_moment.Look(session, job["look_at"], replay_moment.find_halt(files, job["start"], job["look_at"], stop))
        legs = look.halt.divide(way)
        if look.halt.at_start:
            look.take()
        replay_load.load(job["tools"], target, context, legs, between=look.take)
        return look.conclude()


def _describe(job: ReplayJob, stop: Stop) -> dict[str, Any]:
    if stop.last is None:
        first = job["pieces"][0]["file"]
        return {"transactions": 0, "file": first, "offset": job["start"], "gtid": "", "committed_at": ""}
    last = {"file": stop.last.file, "offset": stop.last.end, "gtid": stop.last.gtid, "committed_at": say_when(stop.last)}
    return {"transactions": stop.transactions, **last}
