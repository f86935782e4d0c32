"""AUTO_INCREMENT and sequences: the next number that each would give out. A copy that went back gives numbers out twice.

Counters are part of no snapshot, and move on while the dump is taken. So the source is asked before the snapshot opens: what
the dump carries can only be higher, and a copy that is lower has lost it.
"""

from __future__ import annotations

from . import names
from .client import Session
from .tables import WITHOUT_DATA

Counters = dict[str, str]
"""`shop.orders` → `1001`. A table that would begin with 1 is not named, nor a sequence that goes round or down."""


def read(session: Session, flavour: str, schemas: list[str]) -> Counters:
    """Return the counters of the tables and sequences of `schemas`."""
    if flavour == "mariadb":
        return {**_read_tables(session, schemas), **_read_sequences(session, schemas)}
    # otherwise it answers with what it has seen up to a day ago
    session.execute("SET SESSION information_schema_stats_expiry = 0")
    return _read_tables(session, schemas)


def at_least(before: Counters, now: Counters) -> Counters:
    """Given the counters before and after the dump was taken, return what a restored copy must have reached.

    That is the value before; less, where the table has been emptied since.
    """
    return {name: min(before[name], now[name], key=int) for name in before if name in now}


def _read_tables(session: Session, schemas: list[str]) -> Counters:
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA IN ({names.literals(schemas)}) AND AUTO_INCREMENT > 1"
        f" AND ENGINE NOT IN ({names.literals(sorted(WITHOUT_DATA))})"
    )
    found = ((names.spell(schema), names.spell(table), value or "") for schema, table, value in rows)
    return {names.display(schema, table): value for schema, table, value in sorted(found) if schema in schemas}


def _read_sequences(session: Session, schemas: list[str]) -> Counters:
    listed = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA IN ({names.literals(schemas)}) AND TABLE_TYPE = 'SEQUENCE'"
    )
    found: Counters = {}
    for schema, name in sorted((names.spell(schema), names.spell(name)) for schema, name in listed):
        if schema in schemas:
            state = "SELECT next_not_cached_value, increment, cycle_option"
            ((value, step, goes_round),) = session.query(f"{state} FROM {names.quote(schema)}.{names.quote(name)}")
            if goes_round == "0" and int(step or 0) >= 0:
                found[names.display(schema, name)] = value or ""
    return found
