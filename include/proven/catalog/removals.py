"""What retention has removed from a store: which recovery points and pieces of binary logs, on whose word, by which policy."""

from __future__ import annotations

import datetime
import re
import secrets
from typing import Any, Literal

from include.proven import errors, ids
from include.proven.catalog.records import SignedRecords, require_same
from include.proven.manifest import FORMAT, Record

ID = re.compile(r"\d{8}T\d{6}Z-prune-[0-9a-f]{8}")


class RemovedPoint(Record):
    """A recovery point that had to go."""

    recovery_point: str
    bytes: int
    """Of artifacts, as they were stored: of those that it has sent (`begun`), or of those that went with it."""
    proof: str
    """What drills had shown of this copy: `proven`, `refuted` or `untried`."""


class RemovedLog(Record):
    """A binary log of which no recovery point that stays needs a piece."""

    server: str
    file: str
    bytes: int


class Removal(Record):
    """What one run of retention removes from one store, as it began or as it ended."""

    format: int = FORMAT
    id: str
    database: str
    store: str
    triggered_by: str
    """Who asked: `cli:alice@bastion`, `airflow:<DAG>/<run>`."""
    policy: dict[str, Any]
    """The fleet's `retention` of that day."""
    started_at: datetime.datetime
    outcome: Literal["begun", "done", "failed"]
    """`begun`: what is to go. Otherwise what went; where there is no such record the run was killed, or goes on."""
    ended_at: datetime.datetime | None = None
    reason: str = ""
    """Why it has failed: one line."""
    points: list[RemovedPoint] = []
    logs: list[RemovedLog] = []

    @property
    def freed(self) -> int:
        """Bytes that it gives back."""
        return sum(point.bytes for point in self.points) + sum(log.bytes for log in self.logs)


def new_id(now: datetime.datetime) -> str:
    """Return an id for a run of retention, such as `20261121T051200Z-prune-09ab77c4`."""
    return f"{now.astimezone(datetime.UTC).strftime(ids.STAMP)}-prune-{secrets.token_hex(4)}"


class Removals(SignedRecords):
    """The removals from one store."""

    def record_removal(self, record: Removal) -> None:
        """Sign and write what is to go, or what went."""
        self._put(f"{record.database}/audit/{record.id}/{_moment(record)}.json", record, keep=True)

    def removals(self, database: str, since: datetime.datetime | None = None) -> list[Removal]:
        """Return the removals, each as far as it got, oldest first. Raise IntegrityError if a record can't be trusted."""
        found: dict[str, str] = {}
        try:
            for stored in self.store.list_objects(f"{database}/audit"):
                identifier, _, file = stored.key.removeprefix(f"{database}/audit/").partition("/")
                if ID.fullmatch(identifier) and file.endswith(".json"):
                    found[identifier] = max(file, found.get(identifier, ""))  # `begun`, `ended`
        except errors.NothingStoredError:
            return []
        wanted = {name: file for name, file in found.items() if since is None or ids.started_at(name) >= since}
        return [self._removal(database, identifier, file) for identifier, file in sorted(wanted.items())]

    def _removal(self, database: str, identifier: str, file: str) -> Removal:
        key = f"{database}/audit/{identifier}/{file}"
        record = self._get(key, Removal)
        for seen, wanted in ((record.database, database), (record.id, identifier), (f"{_moment(record)}.json", file)):
            require_same(key, seen, wanted)
        return record


def _moment(record: Removal) -> str:
    return "begun" if record.outcome == "begun" else "ended"
