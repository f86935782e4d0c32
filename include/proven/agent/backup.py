"""Job `backup`: dump → compress → encrypt → parts → store in one pass, and the fingerprint inside the dump's snapshot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from . import (
    accounts,
    canary,
    changes,
    client,
    counters,
    dumping,
    fingerprint,
    inventory,
    loose_tables,
    moment,
    position,
    privileges,
    processes,
    questions,
    replication,
    sealing,
    server,
    snapshot,
    stall,
)
from .asking import Asker
from .context import Context, peak_rss_bytes
from .destinations import Destinations
from .errors import AgentError
from .held_tool import Gate, HeldTool, HeldTools
from .jobs import BackupJob
from .moment import Moment
from .outgoing import Outgoing, Write
from .pipeline import Pipeline, copy, widen
from .progress import Meter

ACCOUNTS_END = "-- Accounts completed"


def run(job: BackupJob, context: Context) -> dict[str, Any]:
    """Take a backup and return the result as `jobs.BackupJob` describes it. Raise AgentError."""
    return Backup(job, context).run()


class Backup:
    """One backup that runs."""

    def __init__(self, job: BackupJob, context: Context) -> None:
        self._job = job
        self._tools = job["tools"]
        self._context = context
        self._keys: list[str] = []
        self._destinations = Destinations(job["stores"])
        self._result: dict[str, Any] = {}
        self._accounts = accounts.Statements([], [])
        self._counters: counters.Counters = {}
        self._definitions: changes.Definitions = {}
        self._asker = Asker(self._tools, job["source"], context.commands)

    def run(self) -> dict[str, Any]:
        """Prepare, dump, then send the accounts that were read in the dump's own snapshot."""
        for program in (self._tools["dump"][0], self._tools["client"][0], "zstd", "gpg"):
            processes.find_program(program, self._tools["path"])
        self._keys = sealing.write_keys(self._context.private_directory(), self._job["recipients"])
        with self._connect() as reader:
            self._prepare(reader)
            artifacts = self._send(reader)
        return {
            **self._result,
            "artifacts": artifacts,
            "failed": self._destinations.failures(),
            "stages": self._context.progress.stages(),
            "commands": self._context.commands.as_list(),
            "peak_rss_bytes": peak_rss_bytes(),
        }

    def _connect(self) -> client.Session:
        return client.Session(self._tools, self._job["source"], self._context.commands)

    def _prepare(self, reader: client.Session) -> None:
        """Look at the server, choose the schemas, write the canary: all that must stand before the snapshot opens."""
        described = server.describe(reader)
        server.require_known(described, self._job["servers"])
        dumping.check_version(self._tools, described, self._context.commands)
        server.steady(reader, described["flavour"])
        followed = replication.look(self._asker, reader, described["flavour"])
        replication.require_fresh(followed, described["flavour"], self._job["max_lag"])
        schemas = server.choose_schemas(reader, self._job["schemas"], self._job["canary"])
        privileges.require(reader, described["flavour"], schemas)
        row = canary.write(reader, self._job["recovery_point"]) if self._job["canary"] else None
        self._result |= {"server": described, "schemas": schemas, "canary": row}
        self._definitions = self._look_at_definitions(reader)
        self._counters = counters.read(reader, described["flavour"], schemas)
        self._result |= {"replication": followed.describe(), "not_covered": [followed.unknown] if followed.unknown else []}

    def _send(self, reader: client.Session) -> list[dict[str, Any]]:
        """Send all artifacts and return them in the order of loading."""
        dumped = self._send_dump(reader)
        before = self._send_statements("accounts", self._accounts.before_dump)
        after = self._send_statements("grants", self._accounts.after_dump)
        return [before, *dumped, after]

    def _send_dump(self, reader: client.Session) -> list[dict[str, Any]]:
        """Dump the schemas and look at them, both in one snapshot. Return what was sent."""
        outgoing, marker = self._outgoing("dump.sql.zst.gpg", "dump"), snapshot.MarkerWatch(self._tools["snapshot_marker"])
        (dump,) = self._hold(reader, [dumping.arguments(self._tools, self._result["schemas"])])

        def produce(write: Write) -> None:
            def pass_on(data: memoryview) -> None:
                marker.see(data)
                write(data)

            with marker:
                copy(dump.process.stdout, pass_on)

        def attach(pipeline: Pipeline, plain: Meter, sent: Meter) -> None:
            pipeline.add(dump.process, self._explain_death)
            outgoing.attach(pipeline, produce, plain, sent)

        self._run_at_moment(reader, dump, marker, marker.ended.wait, attach)
        ended = outgoing.ends_with(self._tools["end_marker"])
        dumping.check_whole(dump.process.name, self._tools, snapshot=marker.found, ended=ended)
        self._require_unchanged()
        return [outgoing.describe(self._tools["end_marker"])]

    def _run_at_moment(
        self,
        reader: client.Session,
        dump: HeldTool | HeldTools,
        marker: snapshot.Shared,
        wait_for_end: Callable[[], object],
        attach: Callable[[Pipeline, Meter, Meter], None],
    ) -> None:
        """Let a dump and a look at the source begin at one moment, and add what is known of that to the result.

        `attach` adds the way of the dump to the stores; `wait_for_end` returns when the dump tool writes no more.
        """
        asked = questions.Questions(self._job["questions"], self._tools, self._job["source"], self._context.commands)
        shared, looked, pipeline = self._agree_on_moment(reader, asked), threading.Event(), Pipeline()
        watched = self._connect()

        def look() -> None:
            shared.wait()
            self._result["answers"] = asked.ask()
            self._look(reader, shared)
            looked.set()

        def let_go() -> None:
            wait_for_end()
            stalled.end()
            looked.wait()
            shared.end()

        def watch() -> None:
            shared.wait()  # until then the lock's own time limit counts
            stalled.run()

        with self._context.progress.stage("dump") as plain, self._context.progress.stage("upload") as sent:
            stalled = self._watch_stalls(watched, plain)
            attach(pipeline, plain, sent)
            pipeline.pump("snapshot", lambda: shared.open(dump, marker))
            pipeline.pump("fingerprint", look)
            pipeline.pump("locked tables", let_go)
            pipeline.pump("stall", watch)
            pipeline.on_failure(reader.kill)
            pipeline.on_failure(shared.cut)
            pipeline.on_failure(stalled.end)
            pipeline.on_failure(asked.cut)
            try:
                pipeline.run()
            except dumping.InvalidViewError:
                self._require_unchanged()  # else it is the better reason
                raise
        self._result |= {"snapshot_at": shared.at, "lock": shared.describe(), "position": shared.position}

    def _hold(self, reader: client.Session, commands: list[list[str]]) -> list[HeldTool]:
        """Start dump tools that wait for their moment."""
        log, held = self._context.commands, []
        has_gate = dumping.waits_at_gate(self._tools, log)
        for argv in commands:
            tool = HeldTool(argv, self._tools, self._job["source"], log, Gate(reader) if has_gate else None)
            widen(tool.process.stdout)
            held.append(tool)
        return held

    def _explain_death(self, process: processes.Process, status: int) -> AgentError:
        return dumping.explain_death(process, status, self._job["source"])

    def _watch_stalls(self, session: client.Session, plain: Meter) -> stall.StallWatch:
        return stall.StallWatch(session, self._job["lock_seconds"], lambda: plain.bytes)

    def _look_at_definitions(self, session: client.Session) -> changes.Definitions:
        """Return what must be the same before and after the dump."""
        return changes.look(session, self._result["schemas"])

    def _require_unchanged(self) -> None:
        with self._connect() as later:
            changes.require_none(self._definitions, self._look_at_definitions(later))

    def _agree_on_moment(self, reader: client.Session, asked: questions.Questions) -> Moment:
        found = self._result["server"]
        return Moment(
            self._job,
            found,
            reader,
            self._connect,
            positions=position.Reader(self._asker, found),
            open_beside=asked.open_snapshot,
            loose=loose_tables.find(reader, self._result["schemas"]) if self._job["non_transactional"] == "lock" else [],
        )

    def _look(self, reader: client.Session, shared: Moment) -> None:
        """Take the fingerprint, the inventory and the accounts inside the snapshot."""
        flavour, schemas = self._result["server"]["flavour"], self._result["schemas"]
        with self._context.progress.stage("fingerprint"):
            found = self._take_fingerprint(reader, steady=shared.later is None)
            if shared.later:
                later = fingerprint.compute(shared.later, flavour, schemas, like=found, in_snapshot=True)
                moment.mark_unsteady(found, later)
                shared.later.close()
            loose_tables.mark(found, shared.locked_tables)
            self._result["fingerprint"] = found
        with self._context.progress.stage("inventory"):
            # what is shown of accounts and what makes them come of one look: passwords and grants are in no snapshot
            defined = accounts.define(reader, flavour, schemas)
            self._take_inventory(reader, defined)
            self._accounts = accounts.statements(defined, flavour)
        # who waits to alter what was looked at need not wait for the dump; a COMMIT MariaDB would log, for the savepoint's sake
        reader.execute("ROLLBACK")

    def _take_fingerprint(self, reader: client.Session, *, steady: bool) -> dict[str, Any]:
        """`steady`: whether it is sure that what is read now is what the dump reads."""
        found = self._result
        above = self._job["sample_above"]
        return fingerprint.compute(reader, found["server"]["flavour"], found["schemas"], sample_above=above, in_snapshot=True)

    def _take_inventory(self, reader: client.Session, defined: list[accounts.Definition]) -> None:
        seen = inventory.take(reader, self._result["server"]["flavour"], self._result["schemas"], defined)
        seen["counters"] = counters.at_least(self._counters, seen["counters"])
        self._result["inventory"] = seen

    def _send_statements(self, role: str, statements: list[str]) -> dict[str, Any]:
        """Send the statements that make the accounts, or those that give them their grants."""
        outgoing, pipeline = self._outgoing(f"{role}.sql.zst.gpg", role), Pipeline()
        lines = [f"{statement.rstrip().rstrip(';')};\n" for statement in statements]
        text = "".join([*lines, ACCOUNTS_END, "\n"]).encode("utf-8", "surrogateescape")
        stage = self._context.progress.stage
        with stage(role, len(text)) as plain, stage(f"{role} upload") as sent:
            outgoing.attach(pipeline, lambda write: write(memoryview(text)), plain, sent)
            pipeline.run()
        return outgoing.describe(ACCOUNTS_END)

    def _outgoing(self, name: str, role: str) -> Outgoing:
        return Outgoing(name, role, self._job, self._keys, self._destinations, self._context)
