"""The manifest: JSON that describes a recovery point completely. Written and signed last.

Where it stands, the recovery point exists (`docs/store-format.md`). Readers accept manifests of their own
`format` only and ignore members that they do not know, so that a newer minor version stays readable.
"""

from __future__ import annotations

import datetime
from typing import Any, Literal

import pydantic

FORMAT: Literal[1] = 1


class Record(pydantic.BaseModel):
    """Base of what is kept in the store: unknown members are ignored, members are never changed in place."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")


class Part(Record):
    """One uploaded piece of an artifact, in order."""

    number: int
    """1, 2, 3 …"""
    bytes: int
    sha256: str
    md5: str
    """Swift's ETag and S3's Content-MD5 speak MD5; `sha256` is what we trust."""


class Artifact(Record):
    """One encrypted object of a recovery point."""

    name: str
    """File name in the folder of its recovery point: `accounts.sql.zst.gpg`, `dump.sql.zst.gpg`, `grants.sql.zst.gpg`."""
    role: Literal["accounts", "dump", "definitions", "rows", "triggers", "grants", "datadir", "binlog"]
    """`accounts` goes before the dump (definers must be there), `grants` on single objects after it. A dump that was taken by
    table (`fleet.Database.parallel`) is in three kinds: `definitions` of all there is but triggers and events, without a row;
    `rows` of some tables, each loaded beside the others; `triggers`, and events, when all rows are there. `datadir`: a stream
    of a data directory, which no client loads. `binlog`: a piece of a binary log (`catalog/binlogs.py`)."""
    tables: list[str] = []
    """Of `rows`: whose they are, as the fingerprint names them."""
    content: str = ""
    """Of `rows` of one table: a digest (hexadecimal) of all that decides what they say. A later recovery point whose table has
    the same does not send them again. Empty: they can't be used again."""
    at: str = ""
    """Recovery point in whose folder the object lies, which sent it. Empty: its own."""
    bytes: int
    """Size of the object as stored (compressed and encrypted)."""
    sha256: str
    """Of the whole object as stored."""
    plain_bytes: int
    """Size before compression."""
    plain_sha256: str
    """Of the plain stream: what the restore must reproduce."""
    end_marker: str
    """Text that the plain stream must end with (its last line begins with it). Empty: the stream is no text."""
    parts: list[Part]

    @property
    def label(self) -> str:
        """A name that no other artifact of its recovery point has, wherever it lies: of a file, of an agent's artifact."""
        return f"{self.at}.{self.name}" if self.at else self.name


class Server(Record):
    """The source at the moment of the backup: what the sandbox must resemble and the drill must recognise."""

    flavour: Literal["mariadb", "mysql"]
    version: str
    """As the server says it: `10.11.19-MariaDB-0+deb12u1`, `9.7.4-2`."""
    identity: str
    """server_uuid (MySQL) or server_uid (MariaDB), else `hostname:port`."""
    hostname: str
    settings: dict[str, str]
    """sql_mode, lower_case_table_names, character_set_server, collation_server, time_zone …: applied to the sandbox."""


class Lock(Record):
    """How the dump and the fingerprint came to see the same moment of the source (`agent/snapshot.py`)."""

    kind: str
    """`backup stage` (MariaDB), `read lock`, or `none`: the account may not lock, and tables that were written while the
    snapshots were opened may differ between dump and fingerprint."""
    waited_seconds: float
    """Until it was granted."""
    held_seconds: float
    """How long writers were held back."""
    tables: list[str] = []
    """Tables that are in no snapshot and were locked for as long as they were dumped."""


class Position(Record):
    """Where the source's binary log stood in the snapshot. Empty where it writes none, or where the account may not ask."""

    file: str = ""
    offset: int = 0
    gtid: str = ""
    """MySQL's `gtid_executed`, MariaDB's `gtid_binlog_pos`."""


class Pages(Record):
    """Between which log sequence numbers the pages of a physical backup lie."""

    from_lsn: int
    """0: all pages there are; else those that were changed since the base's `to_lsn`, which is the same number."""
    to_lsn: int
    """Where the next link of the chain begins."""
    last_lsn: int
    """Where the redo log ends that belongs to them: the moment that they are prepared to."""


class Replication(Record):
    """One channel by which the source was a replica itself."""

    channel: str = ""
    primary: str = ""
    """`host:port` of whom it follows."""
    lag_seconds: float


class Answer(Record):
    """What one of the database's own checks answered on the source, in the dump's snapshot."""

    sql: str
    columns: list[str]
    rows: list[list[str | None]]
    error: str = ""
    """Why there is no answer: it was refused there, or too slow."""


class Stage(Record):
    """How long one stage took and how much it moved."""

    name: str
    seconds: float
    bytes: int = 0


class Command(Record):
    """One command that an agent ran, or the agent itself: the audit trail. argv holds no secret by construction."""

    argv: list[str]
    """Of a word beyond 200 characters, and of words beyond 2000, `…` stands for the rest."""
    status: int | None
    """Exit status; negative: the signal that ended it. None: of an agent, which was lost or had to be stopped."""
    seconds: float
    started_at: datetime.datetime | None = None
    """UTC, by the clock of its host. None in records from before this was kept."""
    host: str = ""
    job: str = ""
    """Of the agent: `backup`, `restore`, `inspect`, `isolation`, `user_check`, `query`."""


class LeftOut(Record):
    """Commands in the middle of an audit trail that was too long to be kept whole."""

    count: int
    sha256: str
    """Over their JSON, a line each, as this record would have held it."""


class Manifest(Record):
    """Everything that a person with the store and the private key needs to restore and to check."""

    format: Literal[1] = FORMAT
    recovery_point: str
    database: str
    kind: Literal["full", "incremental", "differential", "snapshot"] = "full"
    engine: str
    """Name of the engine that took it and can load it: `mariadb`, `mysql`."""
    method: Literal["logical", "physical", "snapshot"] = "logical"
    """`logical`: SQL that a client loads. `physical`: the server's files, which are prepared and served. `snapshot`: these, as
    they stood on their volume in one moment: the server that is started on them recovers as from a crash."""
    base: str = ""
    """Recovery point without which this one can't be restored: the one before it (incremental), or the full one
    (differential). Empty: it needs no other."""
    pages: Pages | None = None
    """Of physical ones of MariaDB."""
    proven_version: str
    started_at: datetime.datetime
    snapshot_at: datetime.datetime
    """The source's clock (UTC) inside the dump's snapshot."""
    finished_at: datetime.datetime
    server: Server
    schemas: list[str]
    """Schemas in the dump, the canary's included."""
    recipients: list[str]
    """Fingerprints of the OpenPGP keys that can decrypt the artifacts."""
    artifacts: list[Artifact]
    """In the order in which they are loaded."""
    fingerprint: dict[str, Any]
    """`agent/fingerprint.py` gives the shape: digest and rows of every table."""
    inventory: dict[str, Any]
    """`agent/inventory.py` gives the shape: definition of every object."""
    canary: dict[str, Any] | None
    """The row that was written just before: `{"recovery_point": …, "written_at": …}`. None where it is switched off."""
    lock: Lock | None = None
    """None in recovery points from before it was recorded."""
    position: Position | None = None
    replication: list[Replication] = []
    """Empty: the source followed nobody."""
    answers: dict[str, Answer] = {}
    """By the check's name: those that ask whether source and copy say the same."""
    not_covered: list[str] = []
    """What the backup could not find out about its source, each as a sentence: verdicts repeat them."""
    stages: list[Stage]
    commands: list[Command]
    """In the order in which they ended; at most 60 (`audit.py`)."""
    commands_left_out: LeftOut | None = None
    triggered_by: str = ""
    """Who or what asked: `cli:alice@bastion`, `airflow:<DAG>/<run>`. Empty in manifests from before this was kept."""

    @property
    def of_files(self) -> bool:
        """Whether it holds the server's files, on which a server is started, and no SQL."""
        return self.method != "logical"

    @property
    def reused(self) -> list[Artifact]:
        """Artifacts that earlier recovery points have sent."""
        return [artifact for artifact in self.artifacts if artifact.at]

    @property
    def elsewhere(self) -> dict[str, str]:
        """Label → key of these."""
        return {artifact.label: self.key_of(artifact) for artifact in self.reused}

    def key_of(self, artifact: Artifact) -> str:
        """Return the key of an artifact in any store that has this recovery point."""
        return f"{self.database}/{artifact.at or self.recovery_point}/{artifact.name}"

    @property
    def data_as_of(self) -> datetime.datetime:
        """When the data was last known true: `snapshot_at`, less what the source was behind whom it follows."""
        return self.snapshot_at - datetime.timedelta(seconds=max((one.lag_seconds for one in self.replication), default=0.0))
