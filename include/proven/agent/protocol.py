"""What the controller and the agent say to each other: one JSON object a line, UTF-8, in both directions.

Controller → agent (stdin)
    first line   a Job (`jobs.py`, `looks.py`). It holds the secrets of this one job; they go nowhere else.
    later lines  {"answer": "segment", "failed": {STORE: {"kind", "what", "detail", "hint"}}}
                 the piece of a binary log that was told of exists in the other stores
                 {"answer": "urls", "store": NAME, "artifact": NAME, "method": "PUT",
                  "requests": [{"number": 1, "method": "PUT", "url": …, "headers": {…}}]}
                 one request for each part that was asked for (GET: number 0), or in its place the reason why there is none:
                 {"number": 1, "error": {"kind", "what", "detail", "hint"}}. A `file:` URL is a path on this host:
                 `Content-Range` (PUT) and `Range` (GET) say which bytes of that file.
    end of file  stop now: kill every tool, remove every temporary file, exit 3.

Agent → controller (stdout)
    {"event": "progress", "stage": "dump", "bytes": 1048576, "rate": 52428800.0, "total": null | 800000000}
        at least every second while a stage runs; `bytes` so far in this stage, `rate` in bytes/second over the last second.
    {"event": "urls", "store": NAME, "artifact": NAME, "method": "PUT",
     "parts": [{"number": 1, "offset": 0, "bytes": 16777216, "sha256": …, "md5": …}]}
        asks for pre-signed requests: a PUT for each part that is ready to be sent, or (method GET, number 0, the rest
        empty) a new GET of the whole in place of one that was refused, for it may have expired
    {"event": "segment", …}
        a piece of a binary log was sent (BinlogJob); the agent waits for the answer before it forgets the bytes
    {"event": "result", …}                                             the last line, see Result; then exit 0
    {"event": "error", "kind": …, "what": …, "detail": …, "hint": …, "commands": [Command …]}
                                                                       the last line; then exit 1

`kind` is one of: config, source, tool, encryption, store, sandbox, stopped, integrity, load, internal (`proven/errors.py`).
stderr is for a crash of the agent itself, nothing else. No line ever holds a password, a session key or a pre-signed URL.
"""

from __future__ import annotations

from typing import Any, TypedDict

VERSION = 1
PART_BYTES = 16 * 1024 * 1024

EXIT_DONE, EXIT_ERROR, EXIT_STOPPED = 0, 1, 3


class Endpoint(TypedDict):
    """A database server: `socket`, or `host` and `port`."""

    flavour: str
    socket: str
    host: str
    port: int
    user: str
    password: str


class Tools(TypedDict):
    """`engines.contract.DumpTools` as JSON. `path` lists directories searched before PATH."""

    dump: list[str]
    client: list[str]
    version: list[str]
    binlog: list[str]
    snapshot_marker: str
    end_marker: str
    path: list[str]


class JobStore(TypedDict):
    """A store that a job sends to or reads from, and how hard it may pull."""

    name: str
    parallel: int
    """Parts under way at once."""
    bandwidth: float
    """Bytes a second, all parts together; 0: no limit."""


class Question(TypedDict):
    """One of the database's own checks, to be asked of the source in the dump's snapshot."""

    name: str
    sql: str
    time_limit: float
    """Seconds."""


class StoredArtifact(TypedDict):
    """One artifact as it lies in a store (compressed, encrypted)."""

    name: str
    request: dict[str, Any]
    """Pre-signed GET."""
    bytes: int
    sha256: str
    parts: list[dict[str, Any]]
    """All of them, in order, as `manifest.Part`."""
