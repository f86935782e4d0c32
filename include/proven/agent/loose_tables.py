"""Tables that are in no snapshot: their writers wait until dump and fingerprint have read them, and nobody else does."""

from __future__ import annotations

import math
from typing import Any

from . import explain, names
from .client import Session
from .errors import AgentError
from .privileges import NotAllowedError

ENGINES = frozenset({"myisam", "aria", "csv", "memory", "archive"})
HINT = "or set `non_transactional: report` for this database: then nobody waits, and drills say what may be of several moments."


def find(session: Session, schemas: list[str]) -> list[tuple[str, str]]:
    """Return schema and name of those of the schemas' tables that are in no snapshot, sorted."""
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
        f" WHERE LOWER(ENGINE) IN ({names.literals(sorted(ENGINES))})"
        f" AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA IN ({names.literals(schemas)})"
    )
    found = ((names.spell(schema), names.spell(name)) for schema, name in rows)
    # information_schema compares names without case and accents
    return sorted((schema, name) for schema, name in found if schema in schemas)


class TableLock:
    """A read lock on tables, held by a session that does nothing else."""

    def __init__(self, session: Session, tables: list[tuple[str, str]]) -> None:
        self.names = [names.display(*path) for path in tables]
        self._session = session
        self._held = False
        paths = [f"{names.quote(schema)}.{names.quote(name)}" for schema, name in tables]
        if session.endpoint["flavour"] == "mariadb":
            # Under its LOCK TABLES … READ a writer that waits goes before readers who come later: the dump would wait for it.
            self._statement = f"FLUSH TABLES {', '.join(paths)} WITH READ LOCK"
        else:
            self._statement = "LOCK TABLES " + ", ".join(f"{path} READ" for path in paths)

    def take(self, seconds: float) -> None:
        """Take the lock within `seconds`, unless it is held. Raise AgentError (source), NotAllowedError if it may not.

        It may be asked for twice: where the global lock that it came with is refused, it stays.
        """
        if self._held:
            return
        try:
            self._session.execute(f"SET SESSION lock_wait_timeout = {max(1, math.ceil(seconds))}")
            self._session.execute(self._statement)
            self._held = True
        except AgentError as error:
            raise self._explain(error) from None

    def release(self) -> None:
        """Let the writers go on. Raise AgentError (source) if the lock was lost before: then they have not waited."""
        try:
            self._session.execute("UNLOCK TABLES")
        except AgentError as error:
            what = f"the lock on {self._list()} was lost during the dump"
            raise AgentError("source", what, detail=error.detail, hint=error.hint) from None
        self._session.close()

    def cut(self) -> None:
        """Let the writers go on at once, from any thread."""
        self._session.kill()

    def _explain(self, error: AgentError) -> AgentError:
        code, user = explain.error_code(error.detail), self._session.endpoint["user"]
        what, hint = f"tables that are in no snapshot can't be locked: {self._list()}", error.hint
        if code in explain.MISSING_PRIVILEGE:
            hint = f"Run GRANT LOCK TABLES, RELOAD ON *.* TO that account ({user}), {HINT}"
            return NotAllowedError("source", what, detail=error.detail, hint=hint)
        if code in explain.WAITED:
            hint = f"A transaction that has written to one of them is still open (SHOW PROCESSLIST): let it end, {HINT}"
        return AgentError("source", what, detail=error.detail, hint=hint)

    def _list(self) -> str:
        return ", ".join(self.names[:5]) + (f" and {len(self.names) - 5} more" if len(self.names) > 5 else "")


def mark(fingerprint: dict[str, Any], locked: list[str]) -> None:
    """Say in the fingerprint which tables were locked: they are of the same moment as all others."""
    for name in locked:
        if name in fingerprint["tables"]:
            fingerprint["tables"][name]["locked"] = True
