"""Accounts, roles and grants: the SQL that makes them anew, and what of them may be shown.

The order of loading matters. A view on a view whose definer is not there, or lacks its rights, can't be made: accounts, roles
and grants on schemas come before the dump. A grant on a table, column or routine that is not there fails: those come after it.
"""

from __future__ import annotations

import dataclasses
import re

from . import names
from .client import Row, Session
from .errors import AgentError
from .server import OWN_SCHEMAS

OWN_ACCOUNTS = frozenset(
    (user, "localhost") for user in ("root", "mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema")
)
"""Every server makes these for itself, the scratch server too: they are neither carried over nor compared."""
PUBLIC = "PUBLIC"
TABLES = {
    "mariadb": ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "roles_mapping", "proxies_priv"),
    "mysql": (
        *("user", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv"),
        *("role_edges", "default_roles", "global_grants"),
    ),
}
"""Where the server keeps accounts and grants, in its schema `mysql`."""

QUOTED = r"`((?:[^`]|``)*)`"
DEFAULT_ROLE = re.compile(rf" DEFAULT ROLE ((?:,?\s*{QUOTED}@{QUOTED})+)")
OBJECT = re.compile(
    rf"(?:GRANT|REVOKE) .*? ON (?:(?:TABLE|PROCEDURE|FUNCTION|PACKAGE BODY|PACKAGE) )?{QUOTED}\.{QUOTED} (?:TO|FROM) "
)
NOTHING = re.compile(r"^GRANT USAGE ON \*\.\* TO \S+$")


@dataclasses.dataclass(frozen=True)
class Account:
    """An account (`host` as the server has it) or, on MariaDB, a role (`host` empty)."""

    user: str
    host: str
    is_role: bool

    @property
    def sql(self) -> str:
        """How statements name it."""
        if self.is_role:
            return PUBLIC if self.user == PUBLIC else names.quote(self.user)
        return f"{names.quote(self.user)}@{names.quote(self.host)}"


@dataclasses.dataclass(frozen=True)
class Definition:
    """What makes one account: its CREATE statement (empty for PUBLIC) and its grants, default roles last."""

    account: Account
    create: str
    grants: list[str]


@dataclasses.dataclass(frozen=True)
class Statements:
    """SQL statements without semicolons, idempotent. They hold password hashes: only encrypted artifacts may hold them."""

    before_dump: list[str]
    """Accounts, roles, and grants that name no single object."""
    after_dump: list[str]
    """Grants on single tables, columns and routines."""


def take(session: Session, flavour: str, schemas: list[str]) -> Statements:
    """Return what makes every account, role, grant and default role of the server on an empty one.

    Grants on single tables and routines are taken along where the object is in `schemas` or in the server's own: without its
    object such a grant fails. Raise AgentError (source) if the backup account may not read the others.
    """
    return statements(define(session, flavour, schemas), flavour)


def checksums(session: Session, flavour: str) -> list[Row]:
    """Return a checksum of every table that accounts and grants are in: who sees the same twice has missed no change."""
    return session.query(f"CHECKSUM TABLE {', '.join(f'mysql.{table}' for table in TABLES[flavour])}")


def require_same(before: list[Row], after: list[Row]) -> None:
    """Raise AgentError (source) if `checksums` were others at the moment of a copy of the server's files."""
    if before != after:
        hint = "Take another backup: what it holds of accounts can't be told from what came right after it."
        raise AgentError("source", "accounts or grants were changed just when the backup was taken", hint=hint)


def statements(definitions: list[Definition], flavour: str) -> Statements:
    """Return what makes the accounts of these definitions. Who shows them too takes both from one look: passwords change."""
    creates = [statement for definition in definitions for statement in _create(definition, flavour)]
    # roles that inherit from each other repeat each other's grants
    grants = list(dict.fromkeys(grant for definition in definitions for grant in definition.grants))
    wide = [grant for grant in grants if _object(grant) is None]
    return Statements([*creates, *wide], [grant for grant in grants if _object(grant)])


def define(session: Session, flavour: str, schemas: list[str]) -> list[Definition]:
    """Return the definition of every account but the server's own, sorted by name. It holds password hashes."""
    try:
        found = _list_accounts(session, flavour)
    except AgentError as error:
        user = session.endpoint["user"]
        hint = f"Run GRANT SELECT ON mysql.* TO that account ({user}): without its accounts nobody can log in after a restore."
        raise AgentError(error.kind, f"accounts can't be read: {error.what}", detail=error.detail, hint=hint) from error
    if flavour == "mysql":
        # hashes of caching_sha2_password are bytes that no text protocol carries unharmed
        session.execute("SET SESSION print_identified_with_as_hex = ON")
    definitions = [_define(session, flavour, account) for account in found]
    objects = _list_objects(session, schemas, definitions)
    kept = [
        dataclasses.replace(one, grants=[grant for grant in one.grants if _has_object(grant, objects)]) for one in definitions
    ]
    # MariaDB remembers a PUBLIC that was granted something once; without a grant nothing can make it elsewhere
    return [one for one in kept if one.create or one.grants]


def _list_accounts(session: Session, flavour: str) -> list[Account]:
    # is_role exists on MariaDB only; a role of MySQL is a locked account
    is_role = "is_role" if flavour == "mariadb" else "'N'"
    rows = session.query(f"SELECT User, Host, {is_role} FROM mysql.user")
    # without name resolution MariaDB does not load accounts of host names: they stand in the table, and SHOW GRANTS denies them
    loaded = {row[0] for row in session.query("SELECT DISTINCT GRANTEE FROM information_schema.USER_PRIVILEGES")}
    accounts = [Account(names.spell(user), host or "", role == "Y") for user, host, role in rows]
    accounts = [one for one in accounts if one.is_role or f"'{one.user}'@'{one.host}'" in loaded]
    return sorted((one for one in accounts if (one.user, one.host) not in OWN_ACCOUNTS), key=lambda one: (one.user, one.host))


def _define(session: Session, flavour: str, account: Account) -> Definition:
    grants = [row[0] or "" for row in session.query(f"SHOW GRANTS FOR {account.sql}")]
    if account.is_role:
        # SHOW GRANTS of a role repeats what it inherits from others
        own = [grant for grant in grants if f" TO {account.sql}" in grant and not NOTHING.match(grant)]
        create = "" if account.user == PUBLIC else f"CREATE ROLE {account.sql}"
        return Definition(account, create, own)
    create = session.query(f"SHOW CREATE USER {account.sql}")[0][0] or ""
    if flavour == "mysql" and (roles := DEFAULT_ROLE.search(create)):
        # a default role must be granted before it is set
        create = create.replace(roles[0], "", 1)
        grants.append(f"ALTER USER {account.sql} DEFAULT ROLE {roles[1]}")
    return Definition(account, create, grants)


def _create(definition: Definition, flavour: str) -> list[str]:
    """Return CREATE … IF NOT EXISTS, and for users ALTER, so that an account which was there before gets the same password."""
    create = definition.create
    if not create:
        return []
    if definition.account.is_role:
        return [create.replace("CREATE ROLE ", "CREATE ROLE IF NOT EXISTS ", 1)]
    statements = [create.replace("CREATE USER ", "CREATE USER IF NOT EXISTS ", 1)]
    # without a hash, MySQL's ALTER … IDENTIFIED WITH would mark the password as expired
    if flavour == "mariadb" or " AS " in create:
        statements.append(create.replace("CREATE USER ", "ALTER USER ", 1))
    return statements


def _list_objects(session: Session, schemas: list[str], definitions: list[Definition]) -> set[tuple[str, str]]:
    """Return schema and name, in lower case, of the tables and routines that grants speak of and that will be restored."""
    named = [_object(grant) for definition in definitions for grant in definition.grants]
    restored = OWN_SCHEMAS | set(schemas)
    wanted = sorted({schema for schema, _ in filter(None, named) if schema in restored})
    if not wanted:
        return set()
    where = f"IN ({names.literals(wanted)})"
    rows = session.query(
        f"SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA {where} UNION"
        f" SELECT ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA {where}"
    )
    return {(names.spell(schema).lower(), names.spell(name).lower()) for schema, name in rows}


def _has_object(grant: str, objects: set[tuple[str, str]]) -> bool:
    found = _object(grant)
    return found is None or (found[0].lower(), found[1].lower()) in objects


def _object(grant: str) -> tuple[str, str] | None:
    """Given `GRANT SELECT ON `shop`.`orders` TO …`, return `("shop", "orders")`; None for a grant on more than one object."""
    match = OBJECT.match(grant)
    return (match[1].replace("``", "`"), match[2].replace("``", "`")) if match else None
