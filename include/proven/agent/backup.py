"""Job `backup`: dump → compress → encrypt → parts → store in one pass, and the fingerprint inside the dump's snapshot."""

from __future__ import annotations

import subprocess
from typing import Any

from . import accounts, canary, client, dumping, fingerprint, inventory, privileges, processes, sealing, server, snapshot
from .context import Context, peak_rss_bytes
from .destinations import Destinations
from .outgoing import Outgoing, Write
from .pipeline import Pipeline, copy, widen
from .processes import Process
from .protocol import BackupJob

ACCOUNTS_END = "-- Accounts completed"


def run(job: BackupJob, context: Context) -> dict[str, Any]:
    """Take a backup and return the result as `protocol.BackupJob` describes it. Raise AgentError."""
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

    def run(self) -> dict[str, Any]:
        """Prepare, dump, then send the accounts that were read in the dump's own snapshot."""
        for program in (self._tools["dump"][0], self._tools["client"][0], "zstd", "gpg"):
            processes.find_program(program, self._tools["path"])
        self._keys = sealing.write_keys(self._context.private_directory(), self._job["recipients"])
        with self._connect() as reader:
            self._prepare(reader)
            dump = self._send_dump(reader)
            before = self._send_statements("accounts", self._accounts.before_dump)
            after = self._send_statements("grants", self._accounts.after_dump)
        return {
            **self._result,
            # in the order of loading
            "artifacts": [before, dump, after],
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
        dumping.check_version(self._tools, described, self._context.commands)
        server.steady(reader, described["flavour"])
        schemas = server.choose_schemas(reader, self._job["schemas"], self._job["canary"])
        privileges.require(reader, described["flavour"], schemas)
        row = canary.write(reader, self._job["recovery_point"]) if self._job["canary"] else None
        self._result |= {"server": described, "schemas": schemas, "canary": row}

    def _send_dump(self, reader: client.Session) -> dict[str, Any]:
        """Dump the schemas and look at them, both in one snapshot. Add `snapshot_at` and `lock` to the result."""
        outgoing = self._outgoing("dump.sql.zst.gpg", "dump")
        marker = snapshot.MarkerWatch(self._tools["snapshot_marker"])
        lock = snapshot.Lock(self._connect(), self._job["lock_seconds"])
        lock.take()
        self._result["snapshot_at"] = snapshot.open_snapshot(reader)
        dump, pipeline = self._start_dump(), Pipeline()

        def produce(write: Write) -> None:
            def pass_on(data: memoryview) -> None:
                marker.see(data)
                write(data)

            with marker:
                copy(dump.stdout, pass_on)

        with self._context.progress.stage("dump") as plain, self._context.progress.stage("upload") as sent:
            pipeline.add(dump, lambda process, status: dumping.explain_death(process, status, self._job["source"]))
            outgoing.attach(pipeline, produce, plain, sent)
            pipeline.pump("read lock", lambda: lock.release(marker))
            pipeline.pump("fingerprint", lambda: self._look(reader))
            pipeline.on_failure(reader.kill)
            pipeline.run()
        ended = outgoing.ends_with(self._tools["end_marker"])
        dumping.check_whole(dump.name, self._tools, snapshot=marker.found, ended=ended)
        self._result["lock"] = lock.describe()
        return outgoing.describe(self._tools["end_marker"])

    def _start_dump(self) -> Process:
        argv = dumping.arguments(self._tools, self._result["schemas"])
        pipe = subprocess.PIPE
        dump = client.start_with_defaults(argv, self._tools, self._job["source"], self._context.commands, stdout=pipe)
        widen(dump.stdout)
        return dump

    def _look(self, reader: client.Session) -> None:
        """Take the fingerprint, the inventory and the accounts inside the snapshot."""
        flavour, schemas = self._result["server"]["flavour"], self._result["schemas"]
        with self._context.progress.stage("fingerprint"):
            self._result["fingerprint"] = fingerprint.compute(reader, flavour, schemas)
        with self._context.progress.stage("inventory"):
            self._result["inventory"] = inventory.take(reader, flavour, schemas)
            self._accounts = accounts.take(reader, flavour, schemas)

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
