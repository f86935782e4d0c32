"""What the controller and the agent say to each other: one JSON object a line, UTF-8, in both directions.

Controller → agent (stdin)
    first line   a Job (below). It holds the secrets of this one job; they go nowhere else.
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


class SendingJob(TypedDict):
    """What every job says that sends artifacts."""

    tools: Tools
    compression_level: int
    part_bytes: int


class BackupJob(TypedDict):
    """{"job": "backup"}: dump, compress, encrypt and upload one database; fingerprint it inside the dump's snapshot.

    The stream goes to every one of `stores` in the same pass. A store that fails is left behind while another is left; the
    result's `failed` holds {store: {"kind", "what", "detail", "hint"}} for those. It also holds: server, schemas, snapshot_at
    (ISO 8601, the source's clock in UTC), artifacts (`accounts`, `dump` and `grants`, in the order of loading; shape of
    `manifest.Artifact`), fingerprint, inventory, canary, lock, position, replication, answers (shapes of `manifest.Lock`,
    `Position`, `Replication` and `Answer`), not_covered, stages, commands, peak_rss_bytes.
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
    lock: str
    """`required`, or `if-allowed`: go on without a lock where the account may take none."""
    non_transactional: str
    """`lock`: writers of tables that are in no snapshot wait until these are dumped; `report`: they don't."""
    max_lag: float
    """Seconds: a replica further behind than that, or stopped, is refused."""
    servers: list[str]
    """Identities (`manifest.Server.identity`) that the source may have; empty: any."""
    sample_above: int
    """Bytes of data above which a table is fingerprinted by samples; 0: never."""
    questions: list[Question]
    recipients: list[str]
    """Armoured OpenPGP public keys, checked by the controller."""
    compression_level: int
    stores: list[JobStore]
    part_bytes: int
    """Size of the first parts; later ones are larger (`parts.py`)."""


class PhysicalJob(BackupJob):
    """{"job": "physical"}: as `backup`, but what is sent is a stream of the server's own files, of all schemas.

    `tools` are those of the engine's `physical`. The result's `artifacts` are one `datadir`, and it also holds `pages`
    (`manifest.Pages`).
    """

    since: int
    """Log sequence number: pages that the base has from before it are left out; 0: none."""
    base: str
    """The base's id, which the result repeats; empty: it needs none."""
    base_server: str
    """The base's server's identity: no other one can have a link of its chain."""


class LogPlace(TypedDict):
    """A place in the binary logs of a server."""

    file: str
    offset: int
    created_at: str
    """When the server began that file (ISO 8601, whole seconds); empty: any."""


class BinlogJob(TypedDict):
    """{"job": "binlog"}: follow the binary log of one server and ship it in pieces, each an artifact of its own.

    For each piece there is a `segment` event: the members of `catalog.binlogs.Segment` but `format` and `database`, and besides
    `failed` (stores that were left behind, as in a backup's result) and `skipped` (see `places`). The result holds stages,
    commands, peak_rss_bytes.
    """

    protocol: int
    job: str
    source: Endpoint
    tools: Tools
    lock: str
    """Name of a lock at the source that one stream holds: a second one of the same name is refused."""
    server: str
    """Identity that the source must have; empty: any."""
    places: list[LogPlace]
    """Where to begin: the first of them that the server still has; it is an error if it has none. Those before are `skipped`.
    Empty: the log that is written just now, from its start."""
    complete_to: str
    """What the pieces that exist are complete to (ISO 8601, UTC, microseconds); empty: nothing."""
    canary: bool
    """Write a row each time that what there is is shipped, so that there is always something to ship."""
    lag: float
    """Seconds after which whatever there is is shipped."""
    piece_bytes: int
    """So many bytes are shipped at once, however young."""
    scratch_bytes: int
    """Bytes that may lie on this host's disk: when there are more, the server is not read on until they are shipped."""
    duration: float
    """Seconds until the job ends by itself, with all shipped; 0: never."""
    recipients: list[str]
    compression_level: int
    stores: list[JobStore]
    part_bytes: int


class StoredArtifact(TypedDict):
    """One artifact as it lies in a store (compressed, encrypted)."""

    name: str
    request: dict[str, Any]
    """Pre-signed GET."""
    bytes: int
    sha256: str
    parts: list[dict[str, Any]]
    """All of them, in order, as `manifest.Part`."""


class RestoreArtifact(StoredArtifact):
    """One artifact to fetch, verify, decrypt and feed to the client, in the order of the list."""

    role: str
    session_key: str
    """`9:0123…`, as gpg prints it: opens this one artifact."""
    plain_bytes: int
    plain_sha256: str
    end_marker: str


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
    store: JobStore
    artifacts: list[RestoreArtifact]


class ReplayPiece(RestoreArtifact):
    """A piece of a binary log (`catalog/binlogs.py`): `file` from its byte `start` on."""

    file: str
    start: int


class ReplayUntil(TypedDict):
    """Where a replay ends. The members of other kinds are empty."""

    kind: str
    """`moment`: behind all that was committed up to and in that second; `gtid`: behind that transaction; `drop`: before the
    last drop of that table; `position`: at that offset of that file."""
    moment: int
    """Seconds since 1970, by the source's clock."""
    gtid: str
    schema: str
    table: str
    file: str
    offset: int


class ReplayJob(TypedDict):
    """{"job": "replay"}: apply what a binary log holds behind a position to a server that stands there.

    `pieces` are those of whole files, in order, from the beginning of the first one on; `start` is an offset in it. Where it
    ends is found before anything is applied, and always behind a whole transaction. The result holds transactions (how many
    were applied), file and offset (behind the last one; the start's if there was none), gtid and committed_at (ISO 8601) of
    the last one or empty, plain_bytes, stages, commands, peak_rss_bytes. A log that does not hold what it must is an error of
    kind `integrity`, a statement that the server refuses one of kind `load`, what is asked for and not there one of `config`.
    """

    protocol: int
    job: str
    target: Endpoint | None
    """None: nothing is applied, and the result says what would be."""
    tools: Tools
    store: JobStore
    pieces: list[ReplayPiece]
    start: int
    until: ReplayUntil


class DatadirJob(TypedDict):
    """{"job": "datadir"}: fetch the `datadir` artifacts of a chain, extract and prepare them to a data directory.

    The result is as a restore's. What a restore demands of an artifact must hold, or it is an error of kind `integrity`; files
    that can't be extracted or prepared are one of kind `load`; a full disk is `sandbox`.
    """

    protocol: int
    job: str
    datadir: str
    """A new folder on this host, beside which there is room for the links of the chain."""
    run_as: list[str]
    """Command that runs another one as the user to whom the folder will belong; empty: that is the agent's."""
    tools: Tools
    extract: list[str]
    prepare: list[str]
    link: list[str]
    end_marker: str
    """As `engines.contract.PhysicalTools` has them."""
    store: JobStore
    artifacts: list[RestoreArtifact]
    """The full one's first, then those of its links in order. Their names begin with their recovery point's."""


class CopyArtifact(StoredArtifact):
    """One artifact to copy."""

    missing: list[int]
    """Numbers of the parts that the target does not hold yet: only these are sent."""


class CopyJob(TypedDict):
    """{"job": "copy"}: bring artifacts, as they are, from one store to another, each part verified on its way.

    The result holds stages, sent_bytes, peak_rss_bytes.
    """

    protocol: int
    job: str
    source: JobStore
    target: JobStore
    artifacts: list[CopyArtifact]


class FetchJob(TypedDict):
    """{"job": "fetch"}: bring artifacts, as they are, into the directory `folder`, each part verified before it counts.

    What an interrupted fetch has left there (`.<name>.partial`) is verified part by part and continued. The result holds
    stages, fetched_bytes, peak_rss_bytes.
    """

    protocol: int
    job: str
    store: JobStore
    folder: str
    artifacts: list[StoredArtifact]


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
