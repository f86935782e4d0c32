"""Concern `unlisted`: schemas on the fleet's servers that no backup takes. Whoever made them believes that one does.

A server may be several databases of the fleet, with some schemas each: what one of them takes, the others need not. A server
that is no database of the fleet is not looked for: there is no list of all servers to compare with.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator
from typing import NamedTuple

from include.proven import agent_client, copies
from include.proven.agent import looks, names, protocol
from include.proven.copies import Answers
from include.proven.errors import NothingStoredError, ProvenError
from include.proven.installation import Installation
from include.proven.watch import asking
from include.proven.watch.concern import Concern, Finding

KIND = "database-unlisted"
HINT = (
    "Add it to `schemas` of {database} in the fleet file (or remove that list: then all are backed up, new ones too). If it may"
    " be lost, name it under `expendable` there."
)


class Server(NamedTuple):
    """By what a server is known."""

    identity: str
    hostname: str


class Seen(NamedTuple):
    """What a database's connection leads to."""

    server: Server
    schemas: list[str]
    """All but the server's own and the canary's."""


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield schemas that neither the fleet file lists nor the newest recovery point holds. Raise ProvenError.

    Where every schema of a server is backed up, nobody is asked for it.
    """
    databases = installation.fleet.databases
    picky = [name for name, database in databases.items() if database.schemas is not None]
    if not picky:
        return
    seen = asking.ask_each(databases, lambda name: _list_schemas(installation, name))
    servers: dict[Server, list[str]] = {}
    for name, found in seen.given.items():
        servers.setdefault(found.server, []).append(name)
    for server, there in servers.items():
        try:
            yield from _of_server(installation, server, there, seen)
        except ProvenError as error:
            seen.silent[there[0]] = error
    asking.require("schemas of databases", seen)


def _of_server(installation: Installation, server: Server, there: list[str], seen: Answers[Seen]) -> Iterator[Finding]:
    """Yield what is in no backup of one server, given the names of the databases that are on it."""
    databases = installation.fleet.databases
    if any(databases[name].schemas is None for name in there):
        return
    # who did not answer may be on this server too
    listed = {schema for name in [*there, *seen.silent] for schema in databases[name].schemas or []}
    expendable = {schema for name in there for schema in databases[name].expendable}
    missing = set().union(*(seen.given[name].schemas for name in there)) - listed - expendable
    if not missing:
        return
    held = {schema for name in there for schema in _held(installation, name)}
    for schema in sorted(missing - held):
        shown = names.display(schema)
        yield Finding(
            KIND,
            f"schema {shown} on {server.hostname}",
            database=there[0],
            thing=shown,
            detail=f"databases of the fleet on this server: {', '.join(there)}",
            hint=HINT.format(database=there[0]),
        )


def _held(installation: Installation, database: str) -> list[str]:
    """Return the schemas in the newest recovery point, none if there is none."""
    try:
        found = copies.survey(installation, database)
    except NothingStoredError:
        return []
    if not found.held:
        return []
    point, stores = next(reversed(found.held.items()))
    return installation.catalog(database, stores[0]).manifest(database, point).schemas


def _list_schemas(installation: Installation, database: str) -> Callable[[], Seen]:
    host = installation.host_of(database)
    job = looks.InspectJob(
        protocol=protocol.VERSION,
        job="inspect",
        source=installation.source(database),
        tools=installation.tools(installation.engine(database)),
        schemas=None,
        take=["server", "schemas"],
        like={},
        time_limit=0.0,
        log="",
    )

    def ask() -> Seen:
        with contextlib.closing(host):
            result = agent_client.run(job, host=host)
        return Seen(Server(result["server"]["identity"], result["server"]["hostname"]), result["schemas"])

    return ask


CONCERN = Concern("unlisted", (KIND,), look, needs="sources", every=datetime.timedelta(hours=6))
