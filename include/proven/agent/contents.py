"""What each table says, as one digest: rows that an earlier recovery point has sent with the same one are not sent again."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

from . import inventory, loose_tables, names
from .client import Session
from .tables import Table

FORMAT = 1
"""Goes into every digest: whatever changes what a digest stands for makes all older ones strangers."""
SHARE = 0.75
"""Of the time for which the server bears a reader who does not read: a dump tool is one while its lane waits."""


class Contents:
    """The digests of the tables that have an artifact each, as the fingerprint comes to know them."""

    def __init__(self, known: dict[str, dict[str, Any]], flavour: str, tables: set[str], *, patience: float | None) -> None:
        """Given `jobs.BackupJob.known`, the names of those tables, and for how many seconds one is waited for; None: any."""
        self._known = known
        self._seen_before = {name for artifact in known.values() for name in artifact["tables"]}
        self._flavour = flavour
        self._tables = tables
        self._patience = patience
        self._told = threading.Condition()
        self._digests: dict[str, str] = {}

    def tell(self, session: Session, table: Table, entry: dict[str, Any], *, steady: bool) -> None:
        """Take in a table's entry of the fingerprint. Not `steady`: what the dump reads may be other rows."""
        name = names.display(table.schema, table.name)
        if name in self._tables:
            can = steady and "samples" not in entry and table.engine.lower() not in loose_tables.ENGINES
            digest = self._compute(session, table, entry) if can else ""
            with self._told:
                self._digests[name] = digest
                self._told.notify_all()

    def find(self, name: str) -> dict[str, Any] | None:
        """Return the artifact that holds the rows of a table already, None: there is none. Where there may be, wait for the
        fingerprint."""
        if name not in self._seen_before:
            return None
        with self._told:
            self._told.wait_for(lambda: name in self._digests, self._patience)
            found = self._known.get(self._digests.get(name, ""))
        return found if found and found["tables"] == [name] else None

    def of(self, name: str) -> str:
        """Return the digest of a table; empty: its rows can't be used again."""
        with self._told:
            return self._digests.get(name, "")

    def _compute(self, session: Session, table: Table, entry: dict[str, Any]) -> str:
        said = {
            "format": FORMAT,
            "flavour": self._flavour,
            "schema": table.schema,
            "table": table.name,
            "rows": entry["rows"],
            "digest": entry["digest"],
            "definition": inventory.define_table(session, table.schema, table.name),
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def find_patience(session: Session, flavour: str) -> float | None:
    """Return for how many seconds a dump tool may be kept from reading on. MySQL's asks the server to bear it for a day."""
    if flavour == "mysql":
        return None
    return SHARE * float(session.query("SELECT @@GLOBAL.net_write_timeout")[0][0] or 0)
