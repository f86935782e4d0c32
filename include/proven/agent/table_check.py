"""Asks the storage engines themselves whether their tables are whole: CHECK TABLE … EXTENDED, one table after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from . import explain, names
from .client import Row, Session
from .errors import AgentError
from .tables import WITHOUT_DATA

FINE = "OK"

Connect = Callable[[], Session]
"""Opens a session of its own: called in the main thread."""


def check(connect: Connect, schemas: list[str], seconds: float) -> dict[str, Any]:
    """Check every table of `schemas` that has rows of its own; `seconds` is how long one may take.

    Return `{"checked": 29, "messages": {"shop.a": [["error", "Corrupt"]]}, "late": ["shop.big"], "died": "", "seconds": 1.2}`:
    `messages` has what the server said besides that all is well, `late` those that were stopped. `died` is the table at which
    the connection was lost: MySQL ends itself rather than read on in a broken page, and its log says so.
    """
    begun = time.monotonic()
    messages: dict[str, list[list[str]]] = {}
    late: list[str] = []
    checked, died = 0, ""
    with connect() as killer:
        session = connect()
        for schema, table in _list(killer, schemas):
            name, path = names.display(schema, table), f"{names.quote(schema)}.{names.quote(table)}"
            try:
                rows = _check_table(session, killer, path, seconds)
            except AgentError as error:
                if explain.error_code(error.detail) not in explain.LOST:
                    raise
                died = name
                break
            if rows is None:
                late.append(name)
                session.close()
                session = connect()
                continue
            checked += 1
            if said := [[kind or "", text or ""] for _, _, kind, text in rows if text != FINE]:
                messages[name] = said
        session.close()
    spent = round(time.monotonic() - begun, 3)
    return {"checked": checked, "messages": messages, "late": late, "died": died, "seconds": spent}


def _list(session: Session, schemas: list[str]) -> list[tuple[str, str]]:
    """Return schema and name of the tables to check, sorted. One that can't be opened has no engine: it is among them."""
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(ENGINE, '') FROM information_schema.TABLES"
        f" WHERE TABLE_SCHEMA IN ({names.literals(schemas)}) AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
    )
    found = ((names.spell(schema), names.spell(name), engine or "") for schema, name, engine in rows)
    return sorted((schema, name) for schema, name, engine in found if schema in schemas and engine.upper() not in WITHOUT_DATA)


def _check_table(session: Session, killer: Session, path: str, seconds: float) -> list[Row] | None:
    """Return what the server says of one table, or None if the time was over: then the session is, too."""
    number = session.query("SELECT CONNECTION_ID()")[0][0]
    late = threading.Event()

    def end() -> None:
        late.set()
        try:
            # the client's death alone would be noticed only when there is something to send
            killer.execute(f"KILL {number}")
        finally:
            session.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        rows = session.query(f"CHECK TABLE {path} EXTENDED")
    except AgentError:
        timer.cancel()
        timer.join()
        if late.is_set():
            return None
        raise
    timer.cancel()
    timer.join()
    return None if late.is_set() else rows
