"""The canary: a row written just before a backup and bound to its recovery point.

Found again after a restore, it proves that this is the right database and how old its data is.
"""

from __future__ import annotations

import re
from typing import Any

from .client import Session
from .errors import AgentError
from .server import CANARY_SCHEMA

KEEP = 100
TABLE = f"`{CANARY_SCHEMA}`.`canary`"
SAFE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")

CREATE_SCHEMA = f"CREATE DATABASE IF NOT EXISTS `{CANARY_SCHEMA}` CHARACTER SET utf8mb4"
CREATE_TABLE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  recovery_point VARCHAR(100) CHARACTER SET ascii NOT NULL,
  written_at DATETIME(6) NOT NULL COMMENT 'UTC'
) ENGINE=InnoDB COMMENT='Proven writes a row before each backup'"""
TABLE_EXISTS = (
    f"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{CANARY_SCHEMA}' AND TABLE_NAME = 'canary'"
)


def write(session: Session, recovery_point: str) -> dict[str, Any]:
    """Write the row of a recovery point, keep the newest 100, and return it: `{"recovery_point": …, "written_at": …}`.

    `written_at` is the source's clock, ISO 8601 in UTC with microseconds. Raise AgentError (source), with the GRANT to type, if
    the account may not write it. Must be committed before the dump's snapshot opens: `session` is not the snapshot's.
    """
    if not SAFE_ID.fullmatch(recovery_point):
        raise AgentError("internal", f"{recovery_point!r} can't be the id of a recovery point")
    try:
        if session.query(TABLE_EXISTS) == [("0",)]:
            session.execute(CREATE_SCHEMA)
            session.execute(CREATE_TABLE)
        session.execute(f"INSERT INTO {TABLE} (recovery_point, written_at) VALUES ('{recovery_point}', UTC_TIMESTAMP(6))")
        _forget_oldest(session)
        session.execute("COMMIT")
        row = _rows(session, 1)[0]
    except AgentError as error:
        raise _cannot_write(session, error) from error
    return {"recovery_point": row[0], "written_at": row[1]}


def read(session: Session) -> dict[str, Any] | None:
    """Return the newest row, and under `rows` all of them, newest first: `[[recovery point, written_at], …]`. None: no canary.

    Two backups of one server may write at the same time, so the row that is looked for is not always the newest.
    """
    if session.query(TABLE_EXISTS) == [("0",)]:
        return None
    rows = _rows(session, KEEP)
    if not rows:
        return None
    return {"recovery_point": rows[0][0], "written_at": rows[0][1], "rows": rows}


def _rows(session: Session, limit: int) -> list[list[str]]:
    found = session.query(
        "SELECT recovery_point, DATE_FORMAT(written_at, '%Y-%m-%dT%H:%i:%s.%f+00:00')"
        f" FROM {TABLE} ORDER BY id DESC LIMIT {limit}"
    )
    return [[identifier or "", written_at or ""] for identifier, written_at in found]


def _forget_oldest(session: Session) -> None:
    oldest_kept = session.query(f"SELECT id FROM {TABLE} ORDER BY id DESC LIMIT 1 OFFSET {KEEP - 1}")
    if oldest_kept:
        session.execute(f"DELETE FROM {TABLE} WHERE id < {oldest_kept[0][0]}")


def _cannot_write(session: Session, error: AgentError) -> AgentError:
    user = session.endpoint["user"]
    return AgentError(
        error.kind,
        f"the canary can't be written: {error.what}",
        detail=error.detail,
        hint=f"Run GRANT CREATE, SELECT, INSERT, DELETE ON `{CANARY_SCHEMA}`.* TO that account ({user}),"
        " or set `canary: false` for this database (then the drill can't prove whose data it restored).",
    )
