"""Job `backup`: dump → compress → encrypt → parts → store in one pass, and the fingerprint inside the dump's snapshot."""

from __future__ import annotations

import threading
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
from .held_tool import Gate, HeldTool
from .jobs import BackupJob
from .moment import Moment
from .outgoing import Outgoing, Write
from .pipeline import Pipeline, copy, widen

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
        self._definitions = changes.look(reader, schemas)
        self._counters = counters.read(reader, described["flavour"], schemas)
        self._result |= {"server": described, "schemas": schemas, "canary": row}
        self._result |= {"replication": followed.describe(), "not_covered": [followed.unknown] if followed.unknown else []}

    def _send(self, reader: client.Session) -> list[dict[str, Any]]:
        """Send all artifacts and return them in the order of loading."""
        dump = self._send_dump(reader)
        before = self._send_statements("accounts", self._accounts.before_dump)
        after = self._send_statements("grants", self._accounts.after_dump)
        return [before, dump, after]

    def _send_dump(self, reader: client.Session) -> dict[str, Any]:
        """Dump the schemas and look at them, both in one snapshot. Add what is known of that moment to the result."""
        outgoing = self._outgoing("dump.sql.zst.gpg", "dump")
        marker, looked = snapshot.MarkerWatch(self._tools["snapshot_marker"]), threading.Event()
        asked = questions.Questions(self._job["questions"], self._tools, self._job["source"], self._context.commands)
        dump, shared, pipeline = self._start_dump(reader), self._agree_on_moment(reader, asked), Pipeline()
        watched = self._connect()

        def produce(write: Write) -> None:
            def pass_on(data: memoryview) -> None:
                marker.see(data)
                write(data)

            with marker:
                copy(dump.process.stdout, pass_on)

        def look() -> None:
            shared.wait()
            self._result["answers"] = asked.ask()
            self._look(reader, shared)
            looked.set()

        def let_go() -> None:
            marker.ended.wait()
            stalled.end()
            looked.wait()
            shared.end()

        def watch() -> None:
            shared.wait()  # until then the lock's own time limit counts
            stalled.run()

        with self._context.progress.stage("dump") as plain, self._context.progress.stage("upload") as sent:
            stalled = stall.StallWatch(watched, self._job["lock_seconds"], lambda: plain.bytes)
            pipeline.add(dump.process, lambda process, status: dumping.explain_death(process, status, self._job["source"]))
            outgoing.attach(pipeline, produce, plain, sent)
            pipeline.pump("snapshot", lambda: shared.open(dump, marker))
            pipeline.pump("fingerprint", look)
            pipeline.pump("locked tables", let_go)
            pipeline.pump("stall", watch)
            pipeline.on_failure(reader.kill)
            pipeline.on_failure(shared.cut)
            pipeline.on_failure(stalled.end)
            pipeline.on_failure(asked.cut)
            pipeline.run()
        ended = outgoing.ends_with(self._tools["end_marker"])
        dumping.check_whole(dump.process.name, self._tools, snapshot=marker.found, ended=ended)
        with self._connect() as later:
            changes.require_none(self._definitions, changes.look(later, self._result["schemas"]))
        self._result |= {"snapshot_at": shared.at, "lock": shared.describe(), "position": shared.position}
        return outgoing.describe(self._tools["end_marker"])

    def _start_dump(self, reader: client.Session) -> HeldTool:
        argv, commands = dumping.arguments(self._tools, self._result["schemas"]), self._context.commands
        gate = Gate(reader) if dumping.waits_at_gate(self._tools, commands) else None
        dump = HeldTool(argv, self._tools, self._job["source"], commands, gate)
        widen(dump.process.stdout)
        return dump

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
            found = fingerprint.compute(reader, flavour, schemas, sample_above=self._job["sample_above"], in_snapshot=True)
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
