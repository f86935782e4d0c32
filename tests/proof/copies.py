"""A source, its twin, and the way between them: dumped and loaded by the real tools, without the store between."""

from __future__ import annotations

import dataclasses
from typing import Any

from include.proven.agent import accounts, fingerprint, inventory
from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from include.proven.agent.protocol import Endpoint
from tests.servers.databases import DatabaseServer


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two servers of one flavour."""

    source: DatabaseServer
    twin: DatabaseServer

    def copy(self, schemas: list[str]) -> None:
        """Dump schemas and accounts of the source as the backup account, and load them into the twin as root."""
        with open_session(self.source, self.source.endpoint) as session:
            statements = accounts.take(session, self.source.flavour, schemas)
        tools = self.source.tools
        dumped = self.source.run([*tools["dump"], "--databases", *schemas], self.source.endpoint)
        assert dumped.returncode == 0, dumped.stderr.decode()
        for text in (joined(statements.before_dump), dumped.stdout, joined(statements.after_dump)):
            loaded = self.twin.run(tools["client"], self.twin.admin, text)
            assert loaded.returncode == 0, loaded.stderr.decode()


def joined(statements: list[str]) -> bytes:
    return "".join(f"{statement};\n" for statement in statements).encode()


def open_session(server: DatabaseServer, endpoint: Endpoint | None = None) -> Session:
    """Return a session as root, or as `endpoint`. A twin has its source's accounts, and so its passwords."""
    return Session(server.tools, endpoint or server.admin, CommandLog())


def take_fingerprint(server: DatabaseServer, *schemas: str) -> dict[str, Any]:
    with open_session(server) as session:
        return fingerprint.compute(session, server.flavour, list(schemas))


def take_inventory(server: DatabaseServer, *schemas: str) -> dict[str, dict[str, str]]:
    with open_session(server) as session:
        return inventory.take(session, server.flavour, list(schemas))
