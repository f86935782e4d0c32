"""The inventory: the definition of every object, spelt so that source and restored copy can be compared.

What changes by itself is left out. Password hashes are not shown: the manifest is signed, not encrypted.
"""

from __future__ import annotations

import hashlib
import re

from . import accounts, counters, names, references, server
from .client import Row, Session
from .errors import AgentError

Definitions = dict[str, str]

KINDS = ("schemas", "tables", "sequences", "views", "routines", "triggers", "events", "passing_events", "accounts", "grants",
         "counters", "broken")  # fmt: skip
"""`passing_events` end by themselves: a server drops or disables them when their time is over, before the drill or in it.
`counters` (`counters.py`) are no definitions, and `broken` (`references.py`) says what could not work already."""

AUTO_INCREMENT = re.compile(r" AUTO_INCREMENT=\d+")
CHARACTER_SET = re.compile(r" CHARACTER SET \w+(?= COLLATE \w)")
EVENT_STATUS = re.compile(r"\b(ENABLE|DISABLE(?: ON (?:SLAVE|REPLICA))?)(?=(?: COMMENT '(?:[^']|'')*')? DO )")
SECRET = re.compile(r"\b(AS|USING|PASSWORD) ('(?:[^'\\]|\\.|'')*'|0x[0-9A-Fa-f]+)")
COLUMNS = re.compile(r"\((`[^)]*`)\)")


def take(
    session: Session, flavour: str, schemas: list[str], defined: list[accounts.Definition] | None = None
) -> dict[str, Definitions]:
    """Return kind → name → definition of every object in `schemas`, and of the server's accounts and grants.

    Names are `shop.orders`, and `shop.tax (function)` for routines. Accounts are asked for unless they are given as `defined`.
    Raise AgentError (source) if a definition can't be seen.
    """
    server.steady(session, flavour)
    found: dict[str, Definitions] = {kind: {} for kind in KINDS}
    for schema in schemas:
        found["schemas"] |= _take_schema(session, schema)
        for kind, definitions in _take_tables(session, schema).items():
            found[kind] |= definitions
        found["routines"] |= _take_routines(session, schema)
        found["triggers"] |= _take_triggers(session, schema)
        for kind, definitions in _take_events(session, schema).items():
            found[kind] |= definitions
    for definition in accounts.define(session, flavour, schemas) if defined is None else defined:
        name = definition.account.sql
        found["accounts"][name] = hide_secrets(definition.create, name)
        found["grants"][name] = "\n".join(sorted({normalise_grant(grant) for grant in definition.grants}))
    found["counters"] = counters.read(session, flavour, schemas)
    found["broken"] = references.find_broken(session, schemas)
    return found


def take_tables(session: Session, flavour: str, schema: str, tables: list[str]) -> dict[str, Definitions]:
    """Return the same of some tables and sequences of a schema, and of their triggers. Raise AgentError (source)."""
    found = _take_tables(session, schema, tables)
    triggers = _list(session, "TRIGGERS", "TRIGGER", schema, "EVENT_OBJECT_TABLE")
    found["triggers"] = _take_triggers(session, schema, [name for name, table in triggers if table in tables])
    named = {names.display(schema, table) for table in tables}
    counted = counters.read(session, flavour, [schema])
    found["counters"] = {name: value for name, value in counted.items() if name in named}
    return found


def normalise_table(definition: str) -> str:
    """Return a CREATE TABLE without what may differ between equal tables.

    The AUTO_INCREMENT counter moves on outside of every snapshot: it is one of the `counters`. Once
    loaded from a dump, MySQL names the character set beside every collation, which implies it.
    """
    return CHARACTER_SET.sub("", AUTO_INCREMENT.sub("", definition))


def define_table(session: Session, schema: str, name: str) -> str:
    """Return the normalised definition of a table."""
    shown = _show(session, f"TABLE {names.quote(schema)}.{names.quote(name)}")
    return normalise_table(_text(shown[1:2], schema, name))


def normalise_grant(grant: str) -> str:
    """Return a GRANT with its columns sorted (servers list them in any order) and without the password that MariaDB repeats."""
    shown = SECRET.sub(lambda match: f"{match[1]} <hidden>", grant)
    return COLUMNS.sub(lambda match: "(" + ", ".join(sorted(match[1].split(", "))) + ")", shown)


def hide_secrets(statement: str, salt: str) -> str:
    """Return a CREATE USER with each password hash replaced by 32 bits of its scrypt hash.

    That is enough to see that another hash was restored. Slow and short, it is of little use for guessing the password.
    """

    def hide(match: re.Match[str]) -> str:
        digest = hashlib.scrypt(match[2].encode("utf-8", "surrogateescape"), salt=salt.encode(), n=2**12, r=8, p=1, dklen=4)
        return f"{match[1]} <hidden:{digest.hex()}>"

    return SECRET.sub(hide, statement)


def _take_schema(session: Session, schema: str) -> Definitions:
    rows = session.query(
        "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
        f" WHERE SCHEMA_NAME = {names.literal(schema)}"
    )
    return {
        names.display(schema): f"CHARACTER SET {charset} COLLATE {collation}"
        for name, charset, collation in rows
        if names.spell(name) == schema
    }


def _take_tables(session: Session, schema: str, only: list[str] | None = None) -> dict[str, Definitions]:
    found: dict[str, Definitions] = {"tables": {}, "sequences": {}, "views": {}}
    for name, kind in _list(session, "TABLES", "TABLE", schema, "TABLE_TYPE", only):
        path = f"{names.quote(schema)}.{names.quote(name)}"
        if kind == "VIEW":
            row = _show(session, f"VIEW {path}")
            # charset and collation in which its text is read
            found["views"][names.display(schema, name)] = _text(row[1:4], schema, name)
        elif kind == "SEQUENCE":
            # the value it has reached moves on while the dump is taken, outside of every snapshot: only the definition is taken
            found["sequences"][names.display(schema, name)] = _text(_show(session, f"SEQUENCE {path}")[1:2], schema, name)
        else:
            found["tables"][names.display(schema, name)] = define_table(session, schema, name)
    return found


def _take_routines(session: Session, schema: str) -> Definitions:
    found = {}
    for name, kind in _list(session, "ROUTINES", "ROUTINE", schema, "ROUTINE_TYPE"):
        row = _show(session, f"{kind} {names.quote(schema)}.{names.quote(name)}")
        # name, sql_mode, text, character set, collation, collation of the schema
        found[f"{names.display(schema, name)} ({kind.lower()})"] = _text([row[2], row[1], *row[3:6]], schema, name)
    return found


def _take_triggers(session: Session, schema: str, only: list[str] | None = None) -> Definitions:
    found = {}
    order = "CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION, ' #', ACTION_ORDER)"
    for name, place in _list(session, "TRIGGERS", "TRIGGER", schema, order, only):
        row = _show(session, f"TRIGGER {names.quote(schema)}.{names.quote(name)}")
        # the seventh is when it was created
        found[names.display(schema, name)] = _text([row[2], place, row[1], *row[3:6]], schema, name)
    return found


def _take_events(session: Session, schema: str) -> dict[str, Definitions]:
    found: dict[str, Definitions] = {"events": {}, "passing_events": {}}
    for name, lasts in _list(session, "EVENTS", "EVENT", schema, "EVENT_TYPE = 'RECURRING' AND ENDS IS NULL"):
        row = _show(session, f"EVENT {names.quote(schema)}.{names.quote(name)}")
        definition = _text([row[3], row[2], row[1], *row[4:7]], schema, name)
        if lasts == "1":
            found["events"][names.display(schema, name)] = definition
        else:
            found["passing_events"][names.display(schema, name)] = EVENT_STATUS.sub("<status>", definition, count=1)
    return found


def _list(
    session: Session, view: str, prefix: str, schema: str, column: str, only: list[str] | None = None
) -> list[tuple[str, str]]:
    """Return name and `column` of the objects of exactly that schema, by name; of some of them, if they are named."""
    rows = session.query(
        f"SELECT {prefix}_SCHEMA, {prefix}_NAME, {column} FROM information_schema.{view}"
        f" WHERE {prefix}_SCHEMA = {names.literal(schema)}"
    )
    # information_schema compares names without case and accents
    found = sorted((names.spell(name), value or "") for owner, name, value in rows if names.spell(owner) == schema)
    return found if only is None else [(name, value) for name, value in found if name in only]


def _show(session: Session, what: str) -> Row:
    return session.query(f"SHOW CREATE {what}")[0]


def _text(parts: list[str | None] | Row, schema: str, name: str) -> str:
    """Return the definition, then what else belongs to it, a line each. Raise AgentError if the server keeps it back."""
    if not parts[0]:
        raise AgentError(
            "source",
            f"the definition of {names.display(schema, name)} can't be seen",
            hint="The backup account may not read it, so the dump would miss it: compare SHOW GRANTS with the README.",
        )
    return "\n".join(part or "" for part in parts).rstrip("\n")
