"""The jobs that move data: to a store, from one, or between two (`protocol.py` says how they are given to an agent)."""

from __future__ import annotations

from typing import Any, TypedDict

from .protocol import Endpoint, JobStore, Question, StoredArtifact, Tools


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
    parallel: int
    """Dump tools at work at once. 1: one dump, as one artifact."""
    known: dict[str, dict[str, Any]]
    """`content` (`manifest.Artifact`) → an artifact, its `at` filled in, that every one of the stores holds: rows of a table
    that says the same are not sent again, and this stands in the result's `artifacts`. Only where `parallel` is more than 1."""


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


class SnapshotJob(BackupJob):
    """{"job": "snapshot"}: as `backup`, but what is sent is a `tar` of the server's own files, of all schemas, from a snapshot
    of the volume that they lie on. The result's `artifacts` are one `datadir`."""

    volume: str
    """Kind of the volume: `btrfs`."""
    folder: str
    """Where the snapshot is made for the time of the backup; empty: beside the data directory."""


class CloneJob(SnapshotJob):
    """{"job": "clone"}: as `snapshot`, but the files are those of a clone that the server makes of itself in `folder`."""


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


class RestoreArtifact(StoredArtifact):
    """One artifact to fetch, verify, decrypt and feed to the client, in the order of the list; `rows` beside each other."""

    role: str
    tables: list[str]
    """As `manifest.Artifact` has it."""
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


class Wanted(TypedDict):
    """What is wanted of one schema."""

    schema: str
    tables: list[str]
    """Tables and sequences by name, each with its triggers; empty: all that is in the schema."""
    into: str
    """Name that the schema gets; mostly its own."""


class BringingJob(TypedDict):
    """What every job says that brings a part of a recovery point to a server, or to a file.

    The result holds stages, commands, plain_bytes (of all that was read), peak_rss_bytes, and of a `target`, as it is there
    afterwards: `server`, `tables` (as the fingerprint has them, by the source's names), `inventory` and `broken` (of
    `references.py`), both by the names that are there.
    """

    tools: Tools
    target: Endpoint | None
    """None: the SQL is written to `output` (a new file, mode 0600)."""
    output: str
    wanted: list[Wanted]
    like: dict[str, Any]
    """The source's fingerprint: tables that were sampled there are sampled alike."""


class GranularJob(RestoreJob):
    """{"job": "granular"}: a restore that is a `BringingJob`: artifacts are verified as a whole, what is wanted is loaded."""

    wanted: list[Wanted]
    like: dict[str, Any]


class ExtractJob(BringingJob):
    """{"job": "extract"}: dump what is wanted from a server that serves the recovery point."""

    protocol: int
    job: str
    source: Endpoint
    schemas: dict[str, str]
    """Character set and collation of each schema, as the inventory has them."""


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
    the last one or empty, moment, plain_bytes, stages, commands, peak_rss_bytes. A log that does not hold what it must is an
    error of kind `integrity`, a statement that the server refuses one of kind `load`, what is asked for and not there one of
    `config`.
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
    look_at: int
    """A second (since 1970) at whose end the way is halted for a look; 0: none. `moment` in the result says what was seen, None
    without one: transactions (how many were applied by then), committed_at of the last of them and next_at of the first one
    behind, tick (when the newest tick was written, `ticks.py`), and of those that were there when all was applied, due: the
    newest that was written by then. Each is ISO 8601, or empty."""


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
    """As `engines.contract.OpeningTools` has them."""
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
