"""An account of a sandbox that may read and nothing else: users' checks are asked as it.

Each check makes one of its own, with a password that nobody keeps. It is not dropped: a look at the accounts that runs beside
it would stumble, and the sandbox goes as a whole.
"""

from __future__ import annotations

import secrets

from . import client
from .processes import CommandLog
from .protocol import Endpoint, Tools

PRIVILEGES = "SELECT, SHOW VIEW, EXECUTE"
"""EXECUTE: a check may call functions. One that writes can't, for it is called in a READ ONLY transaction."""
PREFIX = "proven_check_"


def invent(endpoint: Endpoint) -> Endpoint:
    """Given an account that may do everything, return one with a random name and password on the same server."""
    return Endpoint(
        flavour=endpoint["flavour"],
        socket=endpoint["socket"],
        host=endpoint["host"],
        port=endpoint["port"],
        user=PREFIX + secrets.token_hex(6),
        # kinds of characters that a password policy may ask for
        password=f"aA1-{secrets.token_hex(16)}",
    )


def statements(account: Endpoint) -> list[str]:
    """Return the SQL that makes the account. It holds the password: it goes to the server, and nowhere else."""
    # a sandbox is reached by its socket only; an anonymous user @localhost would come before a name @'%'
    name = f"{account['user']}@localhost"
    return [f"CREATE USER {name} IDENTIFIED BY '{account['password']}'", f"GRANT {PRIVILEGES} ON *.* TO {name}"]


def make(tools: Tools, endpoint: Endpoint, commands: CommandLog) -> Endpoint:
    """Make such an account on a server, as one that may, and return it. Raise AgentError (source)."""
    account = invent(endpoint)
    with client.Session(tools, endpoint, commands) as session:
        for statement in statements(account):
            session.execute(statement)
    return account
