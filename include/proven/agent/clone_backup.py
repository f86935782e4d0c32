"""Job `clone`: the server's clone of itself → tar → compress → encrypt → parts → store, and the fingerprint of its moment."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import time
from typing import Any

from . import changes, client, clone_place, loose_tables, names, questions, server, volume_files
from .backup import Backup
from .clone import Clone, MissedError
from .clone_place import ClonePlace
from .context import Context
from .errors import AgentError
from .jobs import CloneJob
from .moment import STAY
from .pipeline import Pipeline
from .volume_backup import VolumeBackup
from .volume_moment import VolumeMoment

AHEAD = (0.3, 1.5, 5.0)
"""Seconds before the end of the files at which the lock is taken: first try, second, third."""
PLUGIN = "SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'clone' AND PLUGIN_STATUS = 'ACTIVE'"
ENCRYPTED = (
    "SELECT NAME FROM information_schema.INNODB_TABLESPACES WHERE ENCRYPTION = 'Y'"
    " UNION ALL SELECT 'redo log' FROM DUAL WHERE @@GLOBAL.innodb_redo_log_encrypt"
)
LOGICAL = "Set `method: logical` for this database."


def run(job: CloneJob, context: Context) -> dict[str, Any]:
    """Take a backup and return the result as `jobs.CloneJob` describes it. Raise AgentError."""
    return CloneBackup(job, context).run()


class CloneBackup(VolumeBackup):
    """One backup of a clone that runs."""

    _job: CloneJob

    def _prepare(self, reader: client.Session) -> None:
        """Look at the server as every backup does, and whether a clone of it is all that there is."""
        Backup._prepare(self, reader)
        require_able(reader)
        require_whole(reader, self._result["schemas"])
        self._variables = volume_files.read_variables(reader)
        self._datadir = pathlib.Path(self._variables["datadir"]).resolve()
        clone_place.require_own_host(reader, self._datadir)

    def _send(self, reader: client.Session) -> list[dict[str, Any]]:
        """Have the server cloned, send that, and look at the server of the same moment. Add what is known to the result."""
        name, parent = self._job["recovery_point"], pathlib.Path(self._job["folder"])
        place = ClonePlace(parent, name, self._datadir, self._connect, self._context)
        place.make()
        asked = questions.Questions(self._job["questions"], self._tools, self._job["source"], self._context.commands)
        witness = self._connect()
        server.steady(witness, self._result["server"]["flavour"])
        witness.execute(STAY)
        with self._context.progress.stage("clone"):
            folder, shared = self._make_clone(reader, asked, witness, place)
        volume_files.require_plain(folder)
        artifact = self._send_snapshot(folder, reader, shared, asked, witness)
        place.remove()
        with self._connect() as later:
            changes.require_none(self._definitions, changes.look(later, self._result["schemas"]))
        self._result |= {"snapshot_at": shared.at, "lock": shared.describe(), "position": shared.position}
        return [artifact]

    def _make_clone(
        self, reader: client.Session, asked: questions.Questions, witness: client.Session, place: ClonePlace
    ) -> tuple[pathlib.Path, VolumeMoment]:
        """Return the clone's folder and its moment. Raise AgentError (source)."""
        begun = time.monotonic()
        self._look_around(reader)
        looking = time.monotonic() - begun
        for number, ahead in enumerate(AHEAD, 1):
            clone = Clone(place.new(number), self._connect(), self._connect(), looking + ahead)
            shared = self._agree_on(reader, asked, witness)
            try:
                self._run_clone(clone, shared, reader)
            except MissedError:
                if number == len(AHEAD):
                    raise
                shutil.rmtree(clone.folder, ignore_errors=True)
            else:
                break
        return clone.folder, shared

    def _run_clone(self, clone: Clone, shared: VolumeMoment, reader: client.Session) -> None:
        """Have one clone made, and our snapshots under the lock with which it ends. Raise MissedError if it was too fast."""
        pipeline = Pipeline()

        def open_snapshots() -> None:
            clone.wait_until_near()
            self._look_around(reader)
            shared.open(clone, clone.require_going_on)

        pipeline.pump("clone", clone.run)
        pipeline.pump("snapshot", open_snapshots)
        pipeline.on_failure(clone.cut)
        pipeline.on_failure(shared.cut)
        try:
            pipeline.run()
        except BaseException:
            with contextlib.suppress(AgentError):  # a server that is gone is told of already
                clone_place.end_clone(self._connect, clone.folder)
            raise
        finally:
            clone.close()

    def _look_around(self, reader: client.Session) -> None:
        """Look what is to be in the clone: all there is, what was made since the backup began as well."""
        self._result["schemas"] = schemas = server.choose_schemas(reader, None, self._job["canary"])
        require_whole(reader, schemas)
        self._definitions = changes.look(reader, schemas)


def require_able(session: client.Session) -> None:
    """Raise AgentError (source) unless the server can clone itself, and says how far it is."""
    if session.query(PLUGIN) != [("1",)]:
        hint = f"Run INSTALL PLUGIN clone SONAME 'mysql_clone.so' there, or: {LOGICAL}"
        raise AgentError("source", "the server has no clone plugin, which a physical backup needs", hint=hint)
    if session.query("SELECT @@GLOBAL.performance_schema") != [("1",)]:
        hint = f"Set performance_schema = ON in its configuration, or: {LOGICAL}"
        raise AgentError("source", "the server has no performance_schema, which tells how far a clone is", hint=hint)


def require_whole(session: client.Session, schemas: list[str]) -> None:
    """Raise AgentError (source) if there is what a clone would leave out, or what can't be read without a key."""
    if loose := loose_tables.find(session, schemas):
        shown = ", ".join(names.display(*path) for path in loose[:5])
        what = f"a clone holds tables of InnoDB only, and leaves {shown} empty"
        raise AgentError("source", what, hint=f"Give these tables the engine InnoDB, or: {LOGICAL}")
    if encrypted := [names.spell(name) for (name,) in session.query(ENCRYPTED)]:
        what = f"encrypted tablespaces can't be restored without the server's keyring: {', '.join(encrypted[:5])}"
        raise AgentError("source", what, hint=LOGICAL)
