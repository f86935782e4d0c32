"""Definitions that change while they are dumped: a snapshot holds rows still, and nothing else.

Dump tools read definitions one after the other, each as it is at that moment. So a dump may hold a view and not the table that
it is made of: no server loads that, and no tool says so. Tables that come and go by themselves do no such harm.
"""

from __future__ import annotations

from . import names
from .client import Session
from .errors import AgentError

Definitions = dict[tuple[str, str, str], str]
"""Kind, schema and name → something that is another after a change."""

LOOKS = {
    "table": ("TABLES", "TABLE", "COALESCE(CREATE_TIME, '')", "TABLE_TYPE <> 'VIEW'"),
    "view": ("VIEWS", "TABLE", "VIEW_DEFINITION", "TRUE"),
    "trigger": ("TRIGGERS", "TRIGGER", "CONCAT(COALESCE(CREATED, ''), ACTION_STATEMENT)", "TRUE"),
    "routine": ("ROUTINES", "ROUTINE", "CONCAT(ROUTINE_TYPE, LAST_ALTERED)", "TRUE"),
    # those that end by themselves may go at any time
    "event": ("EVENTS", "EVENT", "LAST_ALTERED", "EVENT_TYPE = 'RECURRING' AND ENDS IS NULL"),
}
"""Kind → view of information_schema, prefix of its columns, what marks a definition, which of them count."""

MOST_NAMED = 5
HINT = "Run the backup again when no DDL runs: a dump holds rows of one moment, and definitions of whichever it met."


def look(session: Session, schemas: list[str]) -> Definitions:
    """Return the definitions of all objects of `schemas`, as they are now."""
    found: Definitions = {}
    for kind, (view, prefix, mark, condition) in LOOKS.items():
        rows = session.query(
            f"SELECT {prefix}_SCHEMA, {prefix}_NAME, {mark} FROM information_schema.{view}"
            f" WHERE {prefix}_SCHEMA IN ({names.literals(schemas)}) AND {condition}"
        )
        for schema, name, value in rows:
            found[kind, names.spell(schema), names.spell(name)] = value or ""
    return found


def look_at_columns(session: Session, schemas: list[str]) -> Definitions:
    """Return the columns of all tables and views of `schemas`: they count where rows are dumped apart from definitions."""
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COALESCE(GENERATION_EXPRESSION, ''), EXTRA"
        f" FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN ({names.literals(schemas)})"
        " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
    )
    found: dict[tuple[str, str, str], list[str]] = {}
    for schema, table, *column in rows:
        found.setdefault(("columns of", names.spell(schema), names.spell(table)), []).append(repr(column))
    return {key: "\n".join(columns) for key, columns in found.items()}


def require_none(before: Definitions, after: Definitions) -> None:
    """Raise AgentError (source) if what a dump may have torn apart has changed between two looks.

    Of the tables those count that a view is made of, before or after.
    """
    views = "\n".join(text for found in (before, after) for (kind, _, _), text in found.items() if kind == "view")
    torn = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key) and _counts(key, views)]
    if torn:
        shown = [f"{kind} {names.display(schema, name)}" for kind, schema, name in torn[:MOST_NAMED]]
        more = [f"{len(torn) - MOST_NAMED} more"] if len(torn) > MOST_NAMED else []
        raise AgentError("source", "definitions were altered while they were dumped", detail=", ".join(shown + more), hint=HINT)


def _counts(key: tuple[str, str, str], views: str) -> bool:
    kind, schema, name = key
    return kind != "table" or f"{names.quote(schema)}.{names.quote(name)}" in views
