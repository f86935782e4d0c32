"""Restores by hand: who has had the data of a recovery point brought where."""

from __future__ import annotations

import datetime
import re
import secrets
from typing import Literal

from include.proven import ids
from include.proven.catalog.records import SignedRecords, require_same
from include.proven.manifest import FORMAT, Command, LeftOut, Record

ID = re.compile(r"\d{8}T\d{6}Z-restore-[0-9a-f]{8}")


class Restore(Record):
    """One restore, as it began or as it ended."""

    format: int = FORMAT
    id: str
    database: str
    recovery_point: str
    store: str
    target: str
    """Where to: `connection NAME (HOST:PORT)`, `folder PATH on HOST`."""
    triggered_by: str
    """Who asked: `cli:alice@bastion`."""
    started_at: datetime.datetime
    outcome: Literal["begun", "done", "failed"]
    """`begun` where there is no other record: it is under way, or was killed."""
    ended_at: datetime.datetime | None = None
    reason: str = ""
    """Why it has failed: one line."""
    commands: list[Command] = []
    commands_left_out: LeftOut | None = None


def new_id(now: datetime.datetime) -> str:
    """Return an id for a restore, such as `20261121T051200Z-restore-09ab77c4`."""
    return f"{now.astimezone(datetime.UTC).strftime(ids.STAMP)}-restore-{secrets.token_hex(4)}"


class Restores(SignedRecords):
    """The restores of a database's recovery points from one store."""

    def record_restore(self, record: Restore) -> None:
        """Sign and write that a restore has begun, or how it has ended."""
        self._put(f"{record.database}/audit/{record.id}/{_moment(record)}.json", record, keep=True)

    def restores(self, database: str) -> list[Restore]:
        """Return the restores, each as far as it got, oldest first. Raise IntegrityError if a record can't be trusted."""
        found: dict[str, str] = {}
        for stored in self.store.list_objects(f"{database}/audit"):
            identifier, _, file = stored.key.removeprefix(f"{database}/audit/").partition("/")
            if ID.fullmatch(identifier) and file.endswith(".json"):
                found[identifier] = max(file, found.get(identifier, ""))  # `begun`, `ended`
        return [self._restore(database, identifier, file) for identifier, file in sorted(found.items())]

    def _restore(self, database: str, identifier: str, file: str) -> Restore:
        key = f"{database}/audit/{identifier}/{file}"
        record = self._get(key, Restore)
        for seen, wanted in ((record.database, database), (record.id, identifier), (f"{_moment(record)}.json", file)):
            require_same(key, seen, wanted)
        return record


def _moment(record: Restore) -> str:
    return "begun" if record.outcome == "begun" else "ended"
