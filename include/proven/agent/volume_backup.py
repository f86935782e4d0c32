"""Job `snapshot`: a volume's snapshot of the data directory → tar → compress → encrypt → parts → store, and the fingerprint
of the same moment."""

from __future__ import annotations

import pathlib
import subprocess
from typing import Any

from . import accounts, changes, client, fingerprint, loose_tables, position, processes, questions, server, volume_files
from .backup import Backup
from .context import Context
from .jobs import SnapshotJob
from .outgoing import Write
from .physical import require_data_directory
from .pipeline import Pipeline, copy, explain_death, widen
from .processes import Process
from .volume_moment import VolumeMoment
from .volumes import Volume, open_volume

ARTIFACT = "datadir.tar.zst.gpg"


def run(job: SnapshotJob, context: Context) -> dict[str, Any]:
    """Take a backup and return the result as `jobs.SnapshotJob` describes it. Raise AgentError."""
    return VolumeBackup(job, context).run()


class VolumeBackup(Backup):
    """One backup of a volume that runs."""

    _job: SnapshotJob

    def __init__(self, job: SnapshotJob, context: Context) -> None:
        super().__init__(job, context)
        self._seen_accounts: list[client.Row] = []
        self._variables: volume_files.Variables = {}
        self._datadir = pathlib.Path()

    def _prepare(self, reader: client.Session) -> None:
        """Look at the server as every backup does, and whether its data directory is whole by itself."""
        for program in ("btrfs", "tar"):
            processes.find_program(program, self._tools["path"])
        super()._prepare(reader)
        require_data_directory(reader)
        self._variables = volume_files.read_variables(reader)
        self._datadir = pathlib.Path(self._variables["datadir"]).resolve()
        volume_files.require_whole(reader, self._variables, self._datadir)

    def _send(self, reader: client.Session) -> list[dict[str, Any]]:
        """Send the data directory of one moment, and look at the server in the same. Add what is known of it to the result."""
        asked = questions.Questions(self._job["questions"], self._tools, self._job["source"], self._context.commands)
        volume, witness = self._open_volume(), self._connect()
        server.steady(witness, self._result["server"]["flavour"])
        shared = self._agree_on(reader, asked, witness)
        with self._context.progress.stage("snapshot"):
            volume.require()
            # it takes all there is, what was made since the backup began as well
            self._result["schemas"] = server.choose_schemas(reader, None, self._job["canary"])
            self._definitions = changes.look(reader, self._result["schemas"])
            shared.open(volume)
        volume_files.require_plain(volume.folder)
        artifact = self._send_snapshot(volume.folder, reader, shared, asked, witness)
        volume.remove()
        self._require_unchanged()
        self._result |= {"snapshot_at": shared.at, "lock": shared.describe(), "position": shared.position}
        return [artifact]

    def _open_volume(self) -> Volume:
        name, path = self._job["recovery_point"], self._tools["path"]
        return open_volume(
            self._job["volume"], self._datadir, beside=self._job["folder"], name=name, context=self._context, path=path
        )

    def _agree_on(self, reader: client.Session, asked: questions.Questions, witness: client.Session) -> VolumeMoment:
        found = self._result["server"]

        def beside() -> None:
            asked.open_snapshot()
            self._seen_accounts = accounts.checksums(witness, found["flavour"])

        return VolumeMoment(
            self._job,
            found,
            reader,
            self._connect,
            positions=position.Reader(self._asker, found),
            open_beside=beside,
            loose=loose_tables.find(reader, self._result["schemas"]) if self._job["non_transactional"] == "lock" else [],
        )

    def _send_snapshot(
        self,
        folder: pathlib.Path,
        reader: client.Session,
        shared: VolumeMoment,
        asked: questions.Questions,
        witness: client.Session,
    ) -> dict[str, Any]:
        tool, pipeline = self._start_tar(folder), Pipeline()
        outgoing = self._outgoing(ARTIFACT, "datadir")

        def produce(write: Write) -> None:
            copy(tool.stdout, write)

        def look() -> None:
            self._look_beside(reader, shared, witness)
            self._result["answers"] = asked.ask()

        with self._context.progress.stage("dump") as plain, self._context.progress.stage("upload") as sent:
            pipeline.add(tool, explain_death)
            outgoing.attach(pipeline, produce, plain, sent)
            pipeline.pump("fingerprint", look)
            pipeline.on_failure(reader.kill)
            pipeline.on_failure(witness.kill)
            pipeline.on_failure(shared.cut)
            pipeline.on_failure(asked.cut)
            pipeline.run()
        return outgoing.describe("")

    def _start_tar(self, folder: pathlib.Path) -> Process:
        described = self._context.private_directory()
        (described / volume_files.ABOUT).write_text(volume_files.about(self._variables), encoding="utf-8")
        argv = volume_files.archive(folder, described, volume_files.exclusions(self._variables, self._datadir))
        tool = processes.start(argv, self._context.commands, path=self._tools["path"], stdout=subprocess.PIPE)
        widen(tool.stdout)
        return tool

    def _look_beside(self, reader: client.Session, shared: VolumeMoment, witness: client.Session) -> None:
        """Take accounts, fingerprint and inventory. The accounts first, and in another session: they are in no snapshot."""
        flavour, schemas = self._result["server"]["flavour"], self._result["schemas"]
        defined = accounts.define(witness, flavour, schemas)
        accounts.require_same(self._seen_accounts, accounts.checksums(witness, flavour))
        witness.close()
        with self._context.progress.stage("fingerprint"):
            found = fingerprint.compute(reader, flavour, schemas, sample_above=self._job["sample_above"], in_snapshot=True)
            loose_tables.mark(found, shared.locked_tables)
            self._result["fingerprint"] = found
        shared.end()
        with self._context.progress.stage("inventory"):
            self._take_inventory(reader, defined)
        reader.execute("ROLLBACK")  # who waits to alter what was looked at need not wait for the stream's end
