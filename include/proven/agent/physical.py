"""Job `physical`: the server's own files, copied by the real tool → compress → encrypt → parts → store, and the fingerprint of
exactly the moment that they will be prepared to."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
from typing import Any

from . import (
    accounts,
    canary,
    changes,
    client,
    dumping,
    explain,
    fingerprint,
    loose_tables,
    position,
    processes,
    questions,
    server,
)
from .backup import Backup
from .context import Context
from .errors import AgentError
from .jobs import PhysicalJob
from .moment import STAY
from .outgoing import Write
from .physical_moment import Hearing, PhysicalMoment
from .pipeline import Pipeline, copy, describe_status, widen
from .processes import Process
from .protocol import Endpoint

ARTIFACT = "datadir.xbstream.zst.gpg"
FOLDER = "{folder}"
CHECKPOINTS = "xtrabackup_checkpoints"
"""Written by the tool: the log sequence numbers between which its pages lie."""
LSN = re.compile(r"^(from_lsn|to_lsn|last_lsn) = (\d+)$", re.MULTILINE)
LACKS = re.compile(r"missing required privilege (.+?) on (\S+)")
UNREADABLE = ("Can't open dir", "Permission denied", "Errcode: 13", "Errcode: 2 ", "No such file or directory", "cd to")
HINT_HOST = (
    "A physical backup copies the server's files: run it on the database's host (`host` in the fleet file), as a user who may "
    "read the data directory."
)


def run(job: PhysicalJob, context: Context) -> dict[str, Any]:
    """Take a backup and return the result as `jobs.PhysicalJob` describes it. Raise AgentError."""
    return PhysicalBackup(job, context).run()


class PhysicalBackup(Backup):
    """One physical backup that runs."""

    _job: PhysicalJob

    def __init__(self, job: PhysicalJob, context: Context) -> None:
        super().__init__(job, context)
        self._folder = context.private_directory()
        self._seen_accounts: list[client.Row] = []

    def _prepare(self, reader: client.Session) -> None:
        """Look at the server as every backup does, and whether it is the base's."""
        super()._prepare(reader)
        self._result["base"] = self._job["base"]
        if self._job["base"]:
            self._require_base(reader)

    def _require_base(self, reader: client.Session) -> None:
        """Raise AgentError (source) if pages of this server can't be brought into the base's."""
        found = self._result["server"]
        base, hint = self._job["base"], "Take a full backup (--kind full): a chain is of one server."
        if found["identity"] != self._job["base_server"]:
            what = f"the server is {found['identity']}, and the base {base} is of {self._job['base_server']}"
            raise AgentError("source", what, hint=hint)
        written = int(reader.query("SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'")[0][1] or 0)
        if written < self._job["since"]:
            what = (
                f"the server has written up to log sequence number {written}, and the base {base} ends at {self._job['since']}"
            )
            raise AgentError("source", what, detail="it was made anew or restored since", hint=hint)
        rows = (canary.read(reader) or {"rows": []})["rows"] if self._job["canary"] else [[base]]
        if base not in [row[0] for row in rows] and len(rows) < canary.KEEP:
            what = f"the server does not know of the base {base}: its canary has no such row"
            raise AgentError("source", what, detail="it was made anew or restored since", hint=hint)

    def _send(self, reader: client.Session) -> list[dict[str, Any]]:
        """Copy the data directory and look at the server, both of one moment. Add what is known of it to the result."""
        require_data_directory(reader)
        reader.execute(STAY)
        outgoing, pipeline = self._outgoing(ARTIFACT, "datadir"), Pipeline()
        asked = questions.Questions(self._job["questions"], self._tools, self._job["source"], self._context.commands)
        hearing = Hearing(self._tools["snapshot_marker"], self._job["lock_seconds"])
        shared = self._agree_on(reader, asked, hearing)
        tool = self._start_tool(hearing)

        def produce(write: Write) -> None:
            copy(tool.stdout, write)

        def look() -> None:
            shared.wait()
            self._look_physically(reader)
            self._result["answers"] = asked.ask()

        with self._context.progress.stage("dump") as plain, self._context.progress.stage("upload") as sent:
            pipeline.add(tool, lambda process, status: explain_copy(process, status, self._job["source"]))
            outgoing.attach(pipeline, produce, plain, sent)
            pipeline.pump("snapshot", shared.open)
            pipeline.pump("fingerprint", look)
            pipeline.on_failure(hearing.cut)
            pipeline.on_failure(reader.kill)
            pipeline.on_failure(asked.cut)
            pipeline.run()
        ended = tool.last_words().endswith(self._tools["end_marker"])
        dumping.check_whole(tool.name, self._tools, snapshot=hearing.found, ended=ended)
        shared.require_position()
        self._require_unchanged()
        self._result |= {"snapshot_at": shared.at, "lock": shared.describe(), "position": shared.position}
        self._result["pages"] = pages = read_checkpoints(self._folder)
        if pages["from_lsn"] != self._job["since"]:
            what = f"the backup tool began at {pages['from_lsn']}, not at the base's {self._job['since']}"
            raise AgentError("tool", what, hint="Take a full backup (--kind full).")
        return [outgoing.describe("")]

    def _start_tool(self, hearing: Hearing) -> Process:
        """Start the tool. It reads its options twice, so that they can't come through a pipe: they are a file in memory."""
        options = os.memfd_create("options")
        try:
            os.fchmod(options, 0o600)  # one that everybody may write is ignored
            os.write(options, client.option_file(self._job["source"]))
            names = {client.DEFAULTS: f"/dev/fd/{options}", FOLDER: str(self._folder)}
            argv = [*self._tools["dump"], *self._since()]
            for name, value in names.items():
                argv = [argument.replace(name, value) for argument in argv]
            tool = processes.start(
                argv,
                self._context.commands,
                path=self._tools["path"],
                stdout=subprocess.PIPE,
                pass_fds=[options],
                secrets=[self._job["source"]["password"]],
                hear=hearing.hear,
            )
        finally:
            os.close(options)
        hearing.attach(tool.kill)
        widen(tool.stdout)
        return tool

    def _since(self) -> list[str]:
        """Return the option that leaves out the pages which the base has; nothing for a full backup."""
        return [f"--incremental-lsn={self._job['since']}"] if self._job["since"] else []

    def _agree_on(self, reader: client.Session, asked: questions.Questions, hearing: Hearing) -> PhysicalMoment:
        witness = self._connect()
        for statement in (STAY, "SET SESSION lock_wait_timeout = 0"):
            witness.execute(statement)

        def look() -> None:
            # a physical backup takes all there is, what was made since it began as well
            self._result["schemas"] = server.choose_schemas(reader, None, self._job["canary"])
            self._definitions = changes.look(reader, self._result["schemas"])

        def beside() -> None:
            asked.open_snapshot()
            self._seen_accounts = accounts.checksums(reader, "mariadb")

        positions = position.Reader(self._asker, self._result["server"])
        marker = self._tools["snapshot_marker"]
        return PhysicalMoment(hearing, marker, reader, witness, positions=positions, look=look, open_beside=beside)

    def _look_physically(self, reader: client.Session) -> None:
        """Take accounts, fingerprint and inventory. The accounts first, for they are in no snapshot."""
        flavour, schemas = self._result["server"]["flavour"], self._result["schemas"]
        defined = accounts.define(reader, flavour, schemas)
        accounts.require_same(self._seen_accounts, accounts.checksums(reader, flavour))
        with self._context.progress.stage("fingerprint"):
            found = fingerprint.compute(reader, flavour, schemas, sample_above=self._job["sample_above"])
            loose_tables.mark(found, [])
            self._result["fingerprint"] = found
        with self._context.progress.stage("inventory"):
            self._take_inventory(reader, defined)
        reader.execute("COMMIT")  # whoever waits to alter what it has looked at need not wait for the copy's end


def require_data_directory(session: client.Session) -> None:
    """Raise AgentError (source) unless the server's data directory can be read from here."""
    folder = pathlib.Path(session.query("SELECT @@GLOBAL.datadir")[0][0] or "")
    if not (folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)):
        what = f"the data directory {folder} of the server can't be read from here"
        raise AgentError("source", what, hint=HINT_HOST)


def explain_copy(process: Process, status: int, endpoint: Endpoint) -> AgentError:
    """Return the AgentError that says why the tool died: source where the server or its files were the reason, else tool."""
    words = process.last_words()
    died = f"{process.name} {describe_status(status)}"
    if lacks := LACKS.search(words):
        user = endpoint["user"]
        hint = f"Run GRANT {lacks[1]} ON {lacks[2]} TO that account ({user})."
        return AgentError("source", f"account {user} lacks {lacks[1]} for a physical backup", detail=lacks[0], hint=hint)
    if any(text in words for text in UNREADABLE):
        return AgentError("source", f"{died}: files of the server can't be read", detail=words[-500:], hint=HINT_HOST)
    if explain.error_code(words):
        return explain.source_error(died, words, endpoint)
    return AgentError(
        "tool", died, detail=words[-500:], hint="Run the tool by hand with the same options and look at its output."
    )


def read_checkpoints(folder: pathlib.Path) -> dict[str, int]:
    """Return `from_lsn`, `to_lsn` and `last_lsn` of a backup. Raise AgentError (tool) if the tool has not written them."""
    try:
        found = {name: int(value) for name, value in LSN.findall((folder / CHECKPOINTS).read_text(encoding="utf-8"))}
    except OSError as error:
        raise AgentError("tool", f"the backup tool has written no {CHECKPOINTS}", detail=str(error)) from None
    if {"from_lsn", "to_lsn", "last_lsn"} - found.keys():
        raise AgentError("tool", f"{CHECKPOINTS} is not whole: it has {', '.join(sorted(found)) or 'nothing'}")
    return found
