"""Where in the server's logs a stream begins."""

from __future__ import annotations

from typing import Any

from . import names
from .asking import Asker
from .binlog_reader import purged
from .client import Session
from .errors import AgentError
from .jobs import LogPlace

PRIVILEGE = {"mariadb": "BINLOG MONITOR", "mysql": "REPLICATION CLIENT"}


def require_server(described: dict[str, Any], identity: str) -> None:
    """Raise AgentError (source) if the server, as `server.describe` has it, is not the one whose log is followed."""
    if identity and described["identity"] != identity:
        raise AgentError(
            "source",
            f"the database is on another server now: {described['identity']} on host {described['hostname']}",
            detail=f"its newest recovery point and its binary logs are of {identity}",
            hint="After a failover, take a backup: the stream follows the new server from there on. Or correct the connection.",
        )


def be_the_only_one(session: Session, name: str, seconds: float) -> None:
    """Take a lock that lasts as long as the session. Raise AgentError (source) if another one holds it for so long."""
    if session.query(f"SELECT GET_LOCK({names.literals([name])}, {seconds:.0f})") != [("1",)]:
        raise AgentError(
            "source",
            "another stream of this database runs",
            detail=f"it holds the lock {name} at the source",
            hint="One is enough: nothing is lost. If there should be none, find its session (SHOW PROCESSLIST) and end it.",
        )


def choose(asker: Asker, session: Session, places: list[LogPlace]) -> tuple[LogPlace, list[str]]:
    """Return the first of the places that the server still has, and the files of those before it that it has not.

    Without a place, it is the beginning of the log that is being written. Raise AgentError (source) if there is none, if the
    server keeps no log, or if the account may not ask.
    """
    if session.query("SELECT @@GLOBAL.log_bin") != [("1",)]:
        raise AgentError(
            "source",
            "the server keeps no binary log",
            hint="Start it with log_bin (and binlog_format=ROW), or remove `binlogs` from this database in the fleet file.",
        )
    rows = asker.ask("SHOW BINARY LOGS")
    if rows is None:
        raise may_not_ask(session.endpoint["flavour"], session.endpoint["user"])
    files = [row["Log_name"] or "" for row in rows]
    if not places:
        return LogPlace(file=files[-1], offset=0, created_at=""), []
    for number, place in enumerate(places):
        if place["file"] in files:
            return place, [skipped["file"] for skipped in places[:number]]
    raise purged(f"wanted {', '.join(place['file'] for place in places)}; the server has {files[0]} to {files[-1]}")


def may_not_ask(flavour: str, user: str) -> AgentError:
    """Return the AgentError for an account that may not see the logs."""
    return AgentError(
        "source",
        "the account may not ask for the binary logs",
        hint=f"Run GRANT REPLICATION SLAVE, {PRIVILEGE[flavour]} ON *.* TO that account ({user}).",
    )
