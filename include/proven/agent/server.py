"""What the server is, and which of its schemas are to be backed up."""

from __future__ import annotations

from typing import Any

from . import names
from .client import Session
from .errors import AgentError

OWN_SCHEMAS = frozenset({"mysql", "information_schema", "performance_schema", "sys"})
CANARY_SCHEMA = "proven_canary"
NOT_A_SCHEMA = "#mysql50#"
"""How a server lists a directory that it did not make, such as `lost+found`."""

SETTINGS = (
    "activate_all_roles_on_login",
    "character_set_server",
    "collation_server",
    "default_collation_for_utf8mb4",
    "default_storage_engine",
    "explicit_defaults_for_timestamp",
    "innodb_default_row_format",
    "innodb_page_size",
    "innodb_strict_mode",
    "lower_case_table_names",
    "mandatory_roles",
    "max_allowed_packet",
    "old_mode",
    "partial_revokes",
    "sql_mode",
    "system_time_zone",
    "time_zone",
    "version_comment",
)
"""What decides how a server understands SQL and stores data. A flavour has some of them only."""

STEADY = {"time_zone": "'+00:00'", "sql_mode": "''", "sql_quote_show_create": "1", "sql_safe_updates": "0"}
NO_TIME_LIMIT = {"mariadb": "max_statement_time", "mysql": "max_execution_time"}


def describe(session: Session) -> dict[str, Any]:
    """Return the server as `manifest.Server` wants it: flavour, version, identity, hostname, settings."""
    asked = names.literals([*SETTINGS, "hostname", "port", "server_uid", "server_uuid", "version"])
    rows = session.query(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({asked})")
    found = {names.spell(name).lower(): value or "" for name, value in rows}
    place = f"{found['hostname']}:{found['port']}"
    return {
        "flavour": "mariadb" if "mariadb" in found["version"].lower() else "mysql",
        "version": found["version"],
        "identity": found.get("server_uuid") or found.get("server_uid") or place,
        "hostname": found["hostname"],
        "settings": {name: found[name] for name in SETTINGS if name in found},
    }


def require_known(described: dict[str, Any], servers: list[str]) -> None:
    """Raise AgentError (source) if identities are given and the server, as `describe` has it, has none of them."""
    if servers and described["identity"] not in servers:
        raise AgentError(
            "source",
            f"the connection leads to another server: {described['identity']} on host {described['hostname']}",
            detail=f"`servers` in the fleet file: {', '.join(servers)}",
            hint="Correct the connection (is it staging's, another tenant's?). If the database has moved, add it to `servers`.",
        )


def choose_schemas(session: Session, wanted: list[str] | None, canary: bool) -> list[str]:
    """Return the schemas to back up, sorted: those wanted (exactly as they are spelt), or all but the server's own.

    The canary's schema is among them exactly if `canary`. Raise AgentError (source) if a wanted schema is not there, or if
    there is nothing to back up: a dump of nothing would prove nothing.
    """
    rows = session.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    there = {names.spell(row[0]) for row in rows}
    there = {name for name in there if name not in OWN_SCHEMAS and not name.startswith(NOT_A_SCHEMA)} - {CANARY_SCHEMA}
    known = ", ".join(names.display(name) for name in sorted(there)) or "no schema but its own"
    if missing := sorted(set(wanted or []) - there - {CANARY_SCHEMA}):
        raise AgentError(
            "source",
            f"unknown schema: {', '.join(missing)}",
            detail=f"the server has: {known}",
            hint="Correct `schemas` in the fleet file (names are matched exactly), or grant the backup account access to them.",
        )
    chosen = there if wanted is None else there & set(wanted)
    if not chosen:
        raise AgentError(
            "source",
            "there is no schema to back up",
            detail=f"the server has: {known}",
            hint="Check that the connection leads to the right server and that its account may see the data (SHOW GRANTS).",
        )
    return sorted(chosen | ({CANARY_SCHEMA} if canary else set()))


def steady(session: Session, flavour: str) -> None:
    """Make a session read the same from every server: times in UTC, one spelling of names, no time limit.

    CHAR is read without padding and SHOW CREATE in the server's plain dialect, whatever sql_mode the server has.
    """
    settings = {**STEADY, NO_TIME_LIMIT[flavour]: "0"}
    session.execute("SET SESSION " + ", ".join(f"{name} = {value}" for name, value in settings.items()))
