"""Whom the source follows, if it is a replica itself, and how old its data is: one that has stopped gives yesterday's data.

Lag is the age of the oldest change that the primary has committed and the source has not, as far as the source knows of it. It
is not what SHOW REPLICA STATUS calls seconds behind: that is unknown in a replica that has stopped, and small in one that is
still being sent old changes. MariaDB tells no more than that.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from .asking import Asker, Named
from .client import Session
from .errors import AgentError

UTC = "SET SESSION time_zone = '+00:00';"
"""Seconds since the epoch are told twice in the hour when summer ends."""
CHANNELS = f"""{UTC} SELECT c.CHANNEL_NAME, c.HOST, c.PORT, s.SERVICE_STATE AS receiver, a.SERVICE_STATE AS applier,
  COALESCE(NULLIF(s.LAST_ERROR_MESSAGE, ''), NULLIF(k.LAST_ERROR_MESSAGE, ''), w.error, '') AS error,
  UNIX_TIMESTAMP(NOW(6)) AS now,
  UNIX_TIMESTAMP(s.QUEUEING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP) AS queueing,
  UNIX_TIMESTAMP(s.LAST_QUEUED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP) AS queued,
  UNIX_TIMESTAMP(s.LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP) AS queued_at,
  UNIX_TIMESTAMP(k.PROCESSING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP) AS processing,
  w.applying, w.applied
FROM performance_schema.replication_connection_configuration c
JOIN performance_schema.replication_connection_status s USING (CHANNEL_NAME)
JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME)
LEFT JOIN performance_schema.replication_applier_status_by_coordinator k USING (CHANNEL_NAME)
LEFT JOIN (
  SELECT CHANNEL_NAME, MAX(LAST_ERROR_MESSAGE) AS error,
    MIN(NULLIF(UNIX_TIMESTAMP(APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP), 0)) AS applying,
    MAX(UNIX_TIMESTAMP(LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP)) AS applied
  FROM performance_schema.replication_applier_status_by_worker GROUP BY CHANNEL_NAME
) w USING (CHANNEL_NAME)
WHERE c.CHANNEL_NAME NOT LIKE 'group\\_replication\\_%' ORDER BY c.CHANNEL_NAME"""
"""MySQL: one row a channel. Those of a group are the group's own business: it shuts out members that fall behind."""
JUST_NOW = 2.0
"""Seconds since the last change arrived for which its age tells how old those are that arrive."""
TRACES = "SELECT @@GLOBAL.gtid_slave_pos"
RUNNING = "SHOW GLOBAL STATUS LIKE 'Slaves_running'"
UNKNOWN = (
    "How old the source's data was at the backup: it is a replica or has been one, and the backup account lacks the privilege"
    " REPLICA MONITOR."
)
HINT = "Repair replication, or let `connection` lead to the primary. If this server is the primary now, run RESET {} ALL on it."


@dataclasses.dataclass(frozen=True)
class Channel:
    """One channel by which the source follows a primary."""

    name: str
    primary: str
    """`host:port`."""
    stopped: str
    """What of it does not run, in a few words; empty: all runs."""
    error: str
    lag: float | None
    """Seconds; None: unknown."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What is known of the source as a replica."""

    channels: list[Channel]
    unknown: str = ""
    """A sentence if the account may not ask, and the server has been a replica."""

    def describe(self) -> list[dict[str, Any]]:
        """Return the channels as `manifest.Replication` has them."""
        return [{"channel": one.name, "primary": one.primary, "lag_seconds": round(one.lag or 0.0, 3)} for one in self.channels]


def look(asker: Asker, session: Session, flavour: str) -> Found:
    """Return whom the server follows, as far as the account may ask. Raise AgentError (source) if the server can't say."""
    if flavour == "mysql":
        rows = asker.ask(CHANNELS)
        return Found([_from_mysql(row) for row in rows]) if rows is not None else Found([], UNKNOWN)
    rows = asker.ask("SHOW ALL SLAVES STATUS")
    if rows is not None:
        return Found([_from_mariadb(row) for row in rows])
    followed = session.query(TRACES)[0][0] or [count for _, count in session.query(RUNNING) if count != "0"]
    return Found([], UNKNOWN if followed else "")


def require_fresh(found: Found, flavour: str, max_lag: float) -> None:
    """Raise AgentError (source) if a channel is stopped, or more than `max_lag` seconds behind."""
    for one in found.channels:
        channel = f" (channel {one.name})" if one.name else ""
        if one.stopped:
            why = one.stopped
        elif one.lag is None:
            why = "it does not say how far it is behind"
        elif one.lag > max_lag:
            why = f"it is {one.lag:,.0f} s behind, and `max_lag` is {max_lag:g} s"
        else:
            continue
        what = f"the source is a replica of {one.primary}{channel}, and its data is old: {why}"
        raise AgentError("source", what, detail=one.error, hint=HINT.format("REPLICA" if flavour == "mysql" else "SLAVE"))


def _from_mysql(row: Named) -> Channel:
    return Channel(
        name=row["CHANNEL_NAME"] or "",
        primary=f"{row['HOST']}:{row['PORT']}",
        stopped=_stopped("receiver", row["receiver"], "ON") or _stopped("applier", row["applier"], "ON"),
        error=row["error"] or "",
        lag=_measure(row),
    )


def _measure(row: Named) -> float:
    """Return the age of the oldest change that is known and not applied. Moments are seconds since the epoch, 0 for none."""

    def moment(name: str) -> float:
        return float(row[name] or 0)

    under_way = [moment("queueing"), moment("processing"), moment("applying")]
    if moment("applied") and moment("queued") > moment("applied"):
        under_way.append(moment("queued"))  # between two changes nothing is under way
    if moment("now") - moment("queued_at") < JUST_NOW:
        under_way.append(moment("queued"))  # what arrives is as old as that
    return max(0.0, moment("now") - min((since for since in under_way if since), default=moment("now")))


def _from_mariadb(row: Named) -> Channel:
    behind = row["Seconds_Behind_Master"]
    return Channel(
        name=row["Connection_name"] or "",
        primary=f"{row['Master_Host']}:{row['Master_Port']}",
        stopped=_stopped("IO thread", row["Slave_IO_Running"], "Yes")
        or _stopped("SQL thread", row["Slave_SQL_Running"], "Yes"),
        error=row["Last_SQL_Error"] or row["Last_IO_Error"] or "",
        lag=None if behind is None else float(behind),
    )


def _stopped(what: str, state: str | None, running: str) -> str:
    """Return what does not run, in a few words, or nothing if it does."""
    if state == running:
        return ""
    return f"its {what} is stopped" if state in ("No", "OFF", None) else f"its {what} is not connected ({state})"
