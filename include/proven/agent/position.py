"""Where the binary log stands: what a recovery to any later second has to begin with."""

from __future__ import annotations

import re
from typing import Any

from .asking import Asker
from .client import Session

VERSION = re.compile(r"(\d+)\.(\d+)")
SPACE = re.compile(r"\s+")
LOG_STATUS = (
    "SELECT LOCAL->>'$.binary_log_file' AS File, LOCAL->>'$.binary_log_position' AS Position FROM performance_schema.log_status"
)
"""For who has BACKUP_ADMIN and not REPLICATION CLIENT."""
SNAPSHOT = "SHOW STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')"
"""MariaDB tells anybody."""
GTID = {"mariadb": "SELECT @@GLOBAL.gtid_binlog_pos", "mysql": "SELECT @@GLOBAL.gtid_executed"}
NOWHERE: dict[str, Any] = {"file": "", "offset": 0, "gtid": ""}


class Reader:
    """Reads the position of one server, as far as the account may ask."""

    def __init__(self, asker: Asker, server: dict[str, Any]) -> None:
        """Find out what the account may ask: inside the lock there is no time for that."""
        self._flavour = server["flavour"]
        self._statement = SNAPSHOT if self._flavour == "mariadb" else _choose_statement(asker, server["version"])

    def read(self, session: Session) -> dict[str, Any]:
        """Return the position as `manifest.Position` has it. Members are empty where the server keeps no binary log, and where
        the account may not ask."""
        # in one go: writers wait for the answer
        *rows, (gtid,) = session.query("; ".join(filter(None, (self._statement, GTID[self._flavour]))))
        if self._flavour == "mariadb":
            found = {(row[0] or "").lower(): row[1] for row in rows}
            file, offset = found.get("binlog_snapshot_file"), found.get("binlog_snapshot_position")
        else:
            file, offset = rows[0][:2] if rows else (None, None)
        return {"file": file or "", "offset": int(offset or 0), "gtid": SPACE.sub("", gtid or "")}


def _choose_statement(asker: Asker, version: str) -> str:
    series = VERSION.match(version)
    new = series is not None and (int(series[1]), int(series[2])) >= (8, 2)
    statements = ("SHOW BINARY LOG STATUS" if new else "SHOW MASTER STATUS", LOG_STATUS)
    return next((statement for statement in statements if asker.ask(statement) is not None), "")
