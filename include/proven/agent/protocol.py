"""What the controller and the agent say to each other: one JSON object a line, UTF-8, in both directions.

Controller → agent (stdin)
    first line   a Job (below). It holds the secrets of this one job; they go nowhere else.
    later lines  {"answer": "urls", "artifact": NAME, "numbers": [1, …],
                  "requests": [{"number": 1, "method": "PUT", "url": …, "headers": {…}}]}
                 `numbers` are those that were asked for; one without a request will get none. `{md5}` in a header's value
                 becomes the part's MD5.
    end of file  stop now: kill every tool, remove every temporary file, exit 3.

Agent → controller (stdout)
    {"event": "progress", "stage": "dump", "bytes": 1048576, "rate": 52428800.0, "total": null | 800000000}
        at least every second while a stage runs; `bytes` so far in this stage, `rate` in bytes/second over the last second.
    {"event": "urls", "artifact": NAME, "numbers": [9, 10, …]}         asks for pre-signed PUTs before it runs out of them, and
                                                                       for a new one (restore: the GET, number 0) once its URL
                                                                       was refused, for it may have expired
    {"event": "result", …}                                             the last line, see Result; then exit 0
    {"event": "error", "kind": …, "what": …, "detail": …, "hint": …, "commands": [Command …]}
                                                                       the last line; then exit 1

`kind` is one of: source, tool, encryption, store, sandbox, stopped, integrity, load, internal (`include/proven/errors.py`).
stderr is for a crash of the agent itself, nothing else. No line ever holds a password, a session key or a pre-signed URL.
"""

from __future__ import annotations

from typing import Any, TypedDict

VERSION = 1
PART_BYTES = 16 * 1024 * 1024
PARALLEL = 4

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
    snapshot_marker: str
    end_marker: str
    path: list[str]


class BackupJob(TypedDict):
    """{"job": "backup"}: dump, compress, encrypt and upload one database; fingerprint it inside the dump's snapshot.

    The result holds: server, schemas, snapshot_at (ISO 8601, the source's clock in UTC), artifacts (`accounts`, `dump` and
    `grants`, in the order of loading; shape of `manifest.Artifact`), fingerprint, inventory, canary, lock_seconds (how long
    the global read lock was held), stages, commands, peak_rss_bytes.
    """

    protocol: int
    job: str
    recovery_point: str
    source: Endpoint
    tools: Tools
    schemas: list[str] | None
    """None: every schema of the server but its own."""
    canary: bool
    lock_seconds: float
    """Give up, unlocked, when the read lock or the dump's snapshot takes longer."""
    recipients: list[str]
    """Armoured OpenPGP public keys, checked by the controller."""
    compression_level: int
    part_bytes: int
    parallel: int


class RestoreArtifact(TypedDict):
    """One artifact to fetch, verify, decrypt and feed to the client, in the order of the list."""

    name: str
    role: str
    request: dict[str, Any]
    """Pre-signed GET: {"method": "GET", "url": …, "headers": {…}}."""
    session_key: str
    """`9:0123…`, as gpg prints it: opens this one artifact."""
    bytes: int
    sha256: str
    plain_bytes: int
    plain_sha256: str
    end_marker: str
    parts: list[dict[str, Any]]


class RestoreJob(TypedDict):
    """{"job": "restore"}: fetch artifacts, check every part, decrypt, decompress and load them into `target`.

    `target` None writes the plain SQL to `output` (a new file, mode 0600) instead. The result holds stages, commands,
    plain_bytes, peak_rss_bytes. gpg's integrity check, both checksums and the end marker must hold, or it is an error of kind
    `integrity`; a statement that the server refuses is one of kind `load`; a full disk on the target is `sandbox`.
    """

    protocol: int
    job: str
    target: Endpoint | None
    output: str
    tools: Tools
    artifacts: list[RestoreArtifact]
    parallel: int


class InspectJob(TypedDict):
    """{"job": "inspect"}: what `take` names (`fingerprint`, `inventory`, `canary`, `server`) of a (restored) database.

    The result holds those members, in the same shapes as in a backup, and `commands`.
    """

    protocol: int
    job: str
    source: Endpoint
    tools: Tools
    schemas: list[str] | None
    take: list[str]


class QueryJob(TypedDict):
    """{"job": "query"}: run a user check's SQL; the result holds `columns` and `rows` (lists of text or null, at most 100)."""

    protocol: int
    job: str
    source: Endpoint
    tools: Tools
    sql: str
    schema: str
    time_limit: float
    """Seconds."""
