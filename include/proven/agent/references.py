"""Does everything that an object refers to exist? Definers, and what views select from.

On the source this is asked with statements that can't fail and don't end the snapshot; on a copy every view is opened, too.
"""

from __future__ import annotations

import re
from typing import Any

from . import explain, names
from .client import Session
from .errors import AgentError
from .table_check import Connect

DEFINED = (
    ("view", "VIEWS", "TABLE_SCHEMA", "TABLE_NAME", "''"),
    ("routine", "ROUTINES", "ROUTINE_SCHEMA", "ROUTINE_NAME", "CONCAT(' (', LOWER(ROUTINE_TYPE), ')')"),
    ("trigger", "TRIGGERS", "TRIGGER_SCHEMA", "TRIGGER_NAME", "''"),
    ("event", "EVENTS", "EVENT_SCHEMA", "EVENT_NAME", "''"),
)
"""Noun, view of information_schema, its columns for schema and name, and what is put behind the name."""
SAID = re.compile(r"ERROR \d+ \(\w+\)(?: at line \d+)?: ?")

Broken = dict[str, str]
"""`view shop.totals` → why it can't work, in the server's words where it has any."""


def find_broken(session: Session, schemas: list[str]) -> Broken:
    """Return the objects of `schemas` whose definer is not there, and the views of which the server says that they are broken.

    It reads information_schema only: it neither fails nor ends a transaction.
    """
    accounts = {_account(user, host) for user, host in session.query("SELECT User, Host FROM mysql.user")}
    broken = {
        name: f"its definer {definer} does not exist"
        for name, definer in _definers(session, schemas).items()
        if _account(*_split(definer)) not in accounts
    }
    # MariaDB looks at what a view selects from only where something is asked that needs it, such as a number of rows
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_TYPE = 'VIEW'"
        f" AND TABLE_SCHEMA IN ({names.literals(schemas)}) AND TABLE_COMMENT <> 'VIEW' AND COALESCE(TABLE_ROWS, 0) = 0"
    )
    for schema, view, words in rows:
        if names.spell(schema) in schemas:
            broken.setdefault(f"view {names.display(names.spell(schema), names.spell(view))}", words or "")
    return broken


def look(connect: Connect, schemas: list[str]) -> dict[str, Any]:
    """Return `{"broken": Broken, "opened": 12, "programs": 9}`: what `find_broken` finds and every view that does not open.

    `opened` counts views, `programs` routines, triggers and events. Raise AgentError (source) if the server can't be asked.
    """
    with connect() as session:
        broken = find_broken(session, schemas)
        programs = [name for name in _definers(session, schemas) if not name.startswith("view ")]
        views = _list_views(session, schemas)
    failed = _open_views(connect, views)
    return {"broken": {**broken, **failed}, "opened": len(views) - len(failed), "programs": len(programs)}


def _open_views(connect: Connect, views: list[tuple[str, str]]) -> Broken:
    """Open each view, as its definer where its author has chosen so. A refusal ends a session: the next view gets another."""
    broken: Broken = {}
    session = connect()
    for schema, view in views:
        try:
            session.execute(f"SELECT * FROM {names.quote(schema)}.{names.quote(view)} LIMIT 0")
        except AgentError as error:
            if explain.error_code(error.detail) in explain.LOST:
                raise
            broken[f"view {names.display(schema, view)}"] = SAID.sub("", error.detail)
            session.close()
            session = connect()
    session.close()
    return broken


def _list_views(session: Session, schemas: list[str]) -> list[tuple[str, str]]:
    rows = session.query(
        f"SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN ({names.literals(schemas)})"
    )
    return sorted((names.spell(schema), names.spell(view)) for schema, view in rows if names.spell(schema) in schemas)


def _definers(session: Session, schemas: list[str]) -> dict[str, str]:
    """Return the definer, as `user@host`, of every object that has one."""
    found = {}
    for noun, view, schema_column, name_column, kind in DEFINED:
        rows = session.query(
            f"SELECT {schema_column}, {name_column}, {kind}, DEFINER FROM information_schema.{view}"
            f" WHERE {schema_column} IN ({names.literals(schemas)})"
        )
        for schema, name, suffix, definer in rows:
            if names.spell(schema) in schemas:
                found[f"{noun} {names.display(names.spell(schema), names.spell(name))}{suffix or ''}"] = names.spell(definer)
    return found


def _split(definer: str) -> tuple[str, str]:
    """Given `user@host`, return both. A user's name may hold an `@`, a host can't; MariaDB's roles have no host."""
    user, at, host = definer.rpartition("@")
    return (user, host) if at else (host, "")


def _account(user: str | None, host: str | None) -> tuple[str, str]:
    return names.spell(user), (host or "").lower()
