"""What the backup account may see. Without TRIGGER both dump tools leave triggers out and exit with 0 (FAILURES A6), and the
server hides them from our inventory as well: only the account's own privileges tell."""

from __future__ import annotations

from . import names
from .client import Session
from .errors import AgentError
from .server import CANARY_SCHEMA

SILENT = {"TRIGGER": "Trigger_priv", "EVENT": "Event_priv", "SHOW VIEW": "Show_view_priv"}
"""Privileges whose lack may make objects vanish without an error, and their columns in `mysql.user` and `mysql.db`.

information_schema would not do: MariaDB's says nothing of what an account has through a role.
"""

HOST = "SUBSTRING_INDEX(CURRENT_USER(), '@', -1)"
USER = f"LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH({HOST}) - 1)"
"""The account that the server took us for. A user's name may hold an `@`, a host can't."""

ROLES = {
    "mariadb": "SELECT ROLE_NAME, '' FROM information_schema.ENABLED_ROLES",
    "mysql": "SELECT ROLE_NAME, ROLE_HOST FROM information_schema.ENABLED_ROLES",
}


class NotAllowedError(AgentError):
    """The account may not do it, and there may be another way."""


def require(session: Session, flavour: str, schemas: list[str]) -> None:
    """Raise AgentError (source), with the GRANT to type, if the account could miss objects of one of the schemas."""
    for schema in sorted({*schemas} - {CANARY_SCHEMA}):
        held = _held(session, flavour, schema)
        if missing := [privilege for privilege in SILENT if privilege not in held]:
            user = session.endpoint["user"]
            raise AgentError(
                "source",
                f"account {user} lacks {', '.join(missing)} on schema {names.display(schema)}",
                detail="the dump would leave out what the account may not see, without an error",
                hint=f"Run GRANT {', '.join(missing)} ON {names.quote(schema)}.* TO that account ({user}), or ON *.*.",
            )


def _held(session: Session, flavour: str, schema: str) -> set[str]:
    """Return those of the privileges that the account, or a role of it, has everywhere or on the schema (Db is a pattern)."""
    columns = ", ".join(SILENT.values())
    mine = f"((User, Host) IN (SELECT {USER}, {HOST}) OR (User, Host) IN ({ROLES[flavour]}))"
    rows = session.query(
        f"SELECT {columns} FROM mysql.user WHERE {mine} UNION ALL "
        f"SELECT {columns} FROM mysql.db WHERE {mine} AND {names.literal(schema)} LIKE Db"
    )
    return {privilege for row in rows for privilege, granted in zip(SILENT, row) if granted == "Y"}
