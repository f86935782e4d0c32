"""The jobs that only look at a server (`protocol.py` says how they are given to an agent)."""

from __future__ import annotations

from typing import Any, TypedDict

from .protocol import Endpoint, Tools


class InspectJob(TypedDict):
    """{"job": "inspect"}: what `take` names of a (restored) database.

    `fingerprint`, `inventory`, `canary`, `server`, `schemas` come in the same shapes as in a backup (without a canary's schema,
    unless `schemas` asks for it); `references`, `tables` (`table_check.py`) and `server_log` as their modules say. The result
    holds those members and `commands`.
    """

    protocol: int
    job: str
    source: Endpoint
    tools: Tools
    schemas: list[str] | None
    take: list[str]
    like: dict[str, Any]
    """The source's fingerprint: tables that were sampled there are sampled alike. Empty: every row is read."""
    time_limit: float
    """Seconds that CHECK TABLE may take for one table."""
    log: str
    """The server's error log on this host; empty where nobody asks for it."""


class QueryJob(TypedDict):
    """{"job": "query"}: run a statement; the result holds `columns` and `rows` (lists of text or null, at most 100)."""

    protocol: int
    job: str
    source: Endpoint
    tools: Tools
    sql: str
    schema: str
    time_limit: float
    """Seconds."""


class UserCheckJob(TypedDict):
    """{"job": "user_check"}: ask a user's check of a sandbox, as an account that may only read.

    The result holds `columns` and `rows` (lists of text or null, at most 100), `count` (of all rows), `reads_table` (whether
    the server's plan reads any), `commands`.
    """

    protocol: int
    job: str
    source: Endpoint
    """The account that may do everything: it makes the one that may only read."""
    tools: Tools
    sql: str
    time_limit: float
    """Seconds."""


class Address(TypedDict):
    """Where somebody listens."""

    host: str
    port: int


class Finding(TypedDict):
    """What was seen of one side of an isolation, in a few words."""

    name: str
    """`binary log`, `events`, `replication`, `data`, `accounts`, `local files`; `route`, one for each address; `network`, where
    the server sees that of its host."""
    ok: bool
    said: str


class IsolationJob(TypedDict):
    """{"job": "isolation"}: what an empty sandbox does by itself and what it reaches. Result: `findings` and `commands`.

    That something is not as it should be is no error: it is told.
    """

    protocol: int
    job: str
    source: Endpoint
    """The sandbox's server, as in every job that looks at one."""
    tools: Tools
    inside: list[str]
    """Command that runs another one in the network that the server sees; empty: that is the agent's."""
    unreachable: list[Address]
    """The database that was backed up, at every address of it: none may be reached. Empty: it has a unix socket only."""
