"""Job `backup` with several dump tools at once: each has tables of its own, and all are of one moment.

Definitions are part of no snapshot, and are dumped apart from rows, by one tool. What rows might set off comes last: triggers
and events. That no definition was altered meanwhile is asked of the source at the end.
"""

from __future__ import annotations

import functools
import subprocess
from typing import Any

from . import backup, changes, client, contents, dumping, fingerprint, lanes, stall
from .backup import Backup
from .context import Context
from .held_tool import HeldTools
from .jobs import BackupJob
from .lanes import Lane, Markers
from .outgoing import Outgoing, Write
from .parts import MEMORY
from .pipeline import Pipeline, copy, widen
from .processes import Process
from .progress import Meter

PLAIN = {
    "definitions": ("--no-data", "--skip-triggers", "--skip-events"),
    "triggers": ("--no-data", "--no-create-info", "--no-create-db", "--skip-routines"),
}
"""Role → options of a dump without rows."""
ON_THE_WAY = 3
"""Artifacts of one lane that are sent at a time: its small tables', a large one's, and the end of the large one before."""
SMALLEST_PART = 5 * 1024 * 1024
"""S3 takes no smaller ones, but for the last."""


def run(job: BackupJob, context: Context) -> dict[str, Any]:
    """Take a backup with as many dump tools as the job says and return the result as it says. Raise AgentError."""
    return ByTable(job, context).run() if job["parallel"] > 1 else backup.run(job, context)


class ByTable(Backup):
    """One backup by table that runs."""

    def __init__(self, job: BackupJob, context: Context) -> None:
        super().__init__(job, context)
        self._contents: contents.Contents
        self._order: list[str] = []

    def _send_dump(self, reader: client.Session) -> list[dict[str, Any]]:
        """Dump definitions, rows and triggers, and look at the source. Return what was sent, in the order of loading."""
        running = self._start_lanes(reader)
        markers = Markers(running)
        plain_dumps = [self._start_plain(role, options) for role, options in PLAIN.items()]

        def attach(pipeline: Pipeline, plain: Meter, sent: Meter) -> None:
            for process, outgoing in plain_dumps:
                self._attach_plain(process, outgoing, pipeline, plain, sent)
            for number, lane in enumerate(running, 1):
                pipeline.add(lane.tool.process, self._explain_death)
                open_artifact = functools.partial(self._open_rows, pipeline, sent)
                pipeline.pump(f"lane {number}", functools.partial(lane.run, plain, open_artifact))

        self._run_at_moment(reader, HeldTools([lane.tool for lane in running]), markers, markers.wait_for_end, attach)
        for lane in running:
            lane.require_whole()
        definitions, triggers = (self._describe_plain(process, outgoing) for process, outgoing in plain_dumps)
        self._require_unchanged()
        return [definitions, *self._describe_rows(running), triggers]

    def _start_lanes(self, reader: client.Session) -> list[Lane]:
        """Choose which tool dumps which tables, and start them: they wait for their moment."""
        flavour, schemas = self._result["server"]["flavour"], self._result["schemas"]
        listed = lanes.list_all(reader, flavour, schemas)
        shares = lanes.spread(listed, self._job["parallel"])
        self._order = lanes.order_by_turn(shares)
        patience = contents.find_patience(reader, flavour)
        self._contents = contents.Contents(self._job["known"], flavour, set(self._order), patience=patience)
        tools = self._hold(reader, [lanes.arguments(self._tools, listed, share) for share in shares])
        return [
            Lane(number, share, tool, self._tools, self._contents) for number, (share, tool) in enumerate(zip(shares, tools), 1)
        ]

    def _start_plain(self, role: str, options: tuple[str, ...]) -> tuple[Process, Outgoing]:
        """Start a dump without rows."""
        argv = dumping.arguments(self._tools, self._result["schemas"], options)
        process = client.start_with_defaults(
            argv, self._tools, self._job["source"], self._context.commands, stdout=subprocess.PIPE
        )
        widen(process.stdout)
        return process, self._outgoing(f"{role}.sql.zst.gpg", role)

    def _attach_plain(self, process: Process, outgoing: Outgoing, pipeline: Pipeline, plain: Meter, sent: Meter) -> None:
        def produce(write: Write) -> None:
            copy(process.stdout, write)

        pipeline.add(process, self._explain_death)
        outgoing.attach(pipeline, produce, plain, sent)

    def _describe_plain(self, process: Process, outgoing: Outgoing) -> dict[str, Any]:
        marker = self._tools["end_marker"]
        dumping.check_whole(process.name, self._tools, snapshot=True, ended=outgoing.ends_with(marker))
        return outgoing.describe(marker)

    def _open_rows(self, pipeline: Pipeline, sent: Meter, name: str) -> Outgoing:
        """Begin an artifact of rows, from a lane's thread."""

        def begin() -> Outgoing:
            outgoing = self._outgoing(name, "rows")
            outgoing.attach_sending(pipeline, sent)
            return outgoing

        return pipeline.call(begin)

    def _describe_rows(self, running: list[Lane]) -> list[dict[str, Any]]:
        """Return the artifacts of rows, the largest first: whoever loads several at a time is done the sooner."""
        rows = [artifact for lane in running for artifact in lane.reused]
        for sent in (sent for lane in running for sent in lane.sent):
            content = self._contents.of(sent.tables[0]) if sent.alone else ""
            rows.append({**sent.outgoing.describe(self._tools["end_marker"]), "tables": sent.tables, "content": content})
        return sorted(rows, key=lambda artifact: int(artifact["plain_bytes"]), reverse=True)

    def _take_fingerprint(self, reader: client.Session, *, steady: bool) -> dict[str, Any]:
        """Tell of each table as soon as it is read: a lane may wait for that."""
        return fingerprint.compute(
            reader,
            self._result["server"]["flavour"],
            self._result["schemas"],
            sample_above=self._job["sample_above"],
            in_snapshot=True,
            order=self._order,
            on_entry=functools.partial(self._contents.tell, reader, steady=steady),
        )

    def _look_at_definitions(self, session: client.Session) -> changes.Definitions:
        """Return the columns of every table besides: rows are dumped later than what they must fit."""
        return {**super()._look_at_definitions(session), **changes.look_at_columns(session, self._result["schemas"])}

    def _watch_stalls(self, session: client.Session, plain: Meter) -> stall.StallWatch:
        """Look all the time: that other lanes move says nothing of one that waits."""
        return stall.StallWatch(session, self._job["lock_seconds"], lambda: 0)

    def _outgoing(self, name: str, role: str) -> Outgoing:
        memory = MEMORY // (ON_THE_WAY * self._job["parallel"])
        # one part fills while two go out, where there is room
        job: BackupJob = {**self._job, "part_bytes": min(self._job["part_bytes"], max(SMALLEST_PART, memory // 3))}
        return Outgoing(name, role, job, self._keys, self._destinations, self._context, memory=memory)
