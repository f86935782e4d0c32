"""The ticks: a row written at each interval of a binary log's stream, so that an idle server has something to ship, too.

The newest one that is found after a recovery to a moment proves how far that went.
"""

from __future__ import annotations

import datetime

from .client import Session
from .errors import AgentError
from .server import CANARY_SCHEMA

KEEP = 1000
TABLE = f"`{CANARY_SCHEMA}`.`ticks`"

CREATE_SCHEMA = f"CREATE DATABASE IF NOT EXISTS `{CANARY_SCHEMA}` CHARACTER SET utf8mb4"
CREATE_TABLE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at DATETIME(6) NOT NULL COMMENT 'UTC'
) ENGINE=InnoDB COMMENT='Proven writes a row whenever it ships the binary log'"""
TABLE_EXISTS = f"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{CANARY_SCHEMA}' AND TABLE_NAME = 'ticks'"


def prepare(session: Session) -> None:
    """Make the table if it is not there. Raise AgentError (source), with the GRANT to type, if the account may not."""
    try:
        if session.query(TABLE_EXISTS) == [("0",)]:
            session.execute(CREATE_SCHEMA)
            session.execute(CREATE_TABLE)
    except AgentError as error:
        raise AgentError(
            error.kind,
            f"the ticks can't be written: {error.what}",
            detail=error.detail,
            hint=f"Run GRANT CREATE, SELECT, INSERT, DELETE ON `{CANARY_SCHEMA}`.* TO that account"
            f" ({session.endpoint['user']}), or set `canary: false` for this database.",
        ) from error


def write(session: Session) -> None:
    """Write a row, commit it, and keep the newest 1000. Raise AgentError (source)."""
    session.execute(f"INSERT INTO {TABLE} (at) VALUES (UTC_TIMESTAMP(6))")
    oldest_kept = session.query(f"SELECT id FROM {TABLE} ORDER BY id DESC LIMIT 1 OFFSET {KEEP - 1}")
    if oldest_kept:
        session.execute(f"DELETE FROM {TABLE} WHERE id < {oldest_kept[0][0]}")
    session.execute("COMMIT")


def newest(session: Session, before: datetime.datetime | None = None) -> str:
    """Return when the newest row was written (ISO 8601, UTC), of all or of those before a moment; empty: there is none."""
    if session.query(TABLE_EXISTS) == [("0",)]:
        return ""
    older = f" WHERE at < '{before.astimezone(datetime.timezone.utc):%Y-%m-%d %H:%M:%S.%f}'" if before else ""
    rows = session.query(f"SELECT DATE_FORMAT(MAX(at), '%Y-%m-%dT%H:%i:%s.%f+00:00') FROM {TABLE}{older}")
    return rows[0][0] or ""
