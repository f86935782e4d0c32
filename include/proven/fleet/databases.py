"""One database in `include/fleet.yaml`: what is backed up, when, where to, and how its proof is asked for."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import pydantic

from include.proven.fleet.fields import Duration, Model, Name, Size, Text, require_different
from include.proven.fleet.proof import Proof
from include.proven.fleet.retention import Retention


class Objectives(Model):
    """What the business has been promised."""

    rpo: Duration
    """Recovery point objective: how old the newest proven data may get."""
    rto: Duration
    """Recovery time objective: how long a restore may take."""


class Binlogs(Model):
    """How a database's binary log is shipped."""

    lag: Duration = datetime.timedelta(seconds=60)
    """What is younger than this may not have been shipped yet. It is the most that a lost server costs."""
    piece: Size = pydantic.Field(default="16 MB", validate_default=True)
    """So much is shipped at once, however young it is."""
    scratch: Size = pydantic.Field(default="1 GB", validate_default=True)
    """So much of the log may wait on the disk of the host that reads it, while stores are slow or down."""
    drill: Text | None = None
    """Cron expression or preset (`@weekly`): when a random second is drilled, by an older recovery point and the log. Unset: by
    hand only."""


class Incremental(Model):
    """When a physical backup holds only what was changed."""

    full_every: Duration
    """A scheduled backup is a full one when the last full one is older than this; in between it is a link of its chain."""
    since: Literal["last", "full"] = "last"
    """`last`: what was changed since the last backup (incremental): small, and restored link by link. `full`: since the last
    full one (differential): larger each time, and restored by two."""


class BtrfsSnapshot(Model):
    """A read-only snapshot of the btrfs subvolume that the data directory lies in."""

    volume: Literal["btrfs"]
    """What keeps the moment. It is for other kinds of volume to come, each with settings of its own."""
    folder: Text | None = None
    """Folder on the same file system where the snapshot is made, and removed again; unset: beside the data directory."""


class Database(Model):
    """One protected MySQL or MariaDB server (or some of its schemas)."""

    connection: Text
    """Airflow connection id of the source, as the machine that dumps it reaches it."""
    host: Text | None = None
    """Airflow connection id of type `ssh`: the backup runs there, beside the database; unset: on the worker."""
    engine: Literal["mariadb", "mysql"]
    """What the server is. The two are no longer alike: a dump of one is not restored on the other."""
    method: Literal["logical", "physical", "snapshot"] = "logical"
    """`logical`: SQL, which any server of the series loads. `physical`: the server's own files, of all its schemas, which are
    restored without running SQL; the backup must run where they can be read (`host`). `snapshot`: these files, as they lie on
    their volume in one moment."""
    snapshot: BtrfsSnapshot | None = None
    """Of the method `snapshot`: what volume the data directory lies on."""
    parallel: int = pydantic.Field(default=1, ge=1, le=16)
    """Of the method `logical`: dump tools at work at once, each with its own tables, and restored as many at a time. From 2 on,
    rows of a table that has not changed since an earlier recovery point are not sent again. 1: one dump as one artifact."""
    clone_folder: Text | None = None
    """Of the method `physical` on MySQL: where the server clones itself for the time of a backup. A folder on its host outside
    of its data directory, which it may enter, with room for a copy of all its data."""
    incremental: Incremental | None = None
    """Of the method `physical`: not every backup is a full one. Unset: each is."""
    schedule: Text | None
    """Cron expression or preset (`@daily`); null: backups are taken by hand only."""
    objectives: Objectives
    """What was promised; a drill measures it."""
    stores: Annotated[list[Name], pydantic.Field(min_length=1), pydantic.AfterValidator(require_different)]
    """Those of `stores` where each recovery point goes, all in one pass. Where any will do, the first is asked first."""
    sandbox: Name
    """One of `sandboxes`: where they are restored."""
    schemas: Annotated[list[Text], pydantic.Field(min_length=1)] | None = None
    """Schemas to back up; unset: all but the server's own, new ones included."""
    expendable: list[Text] = []
    """Schemas that are left out of `schemas` on purpose: if they are lost, so be it. Others are paged (`database-unlisted`)."""
    canary: bool = True
    """Write a canary row (schema `proven_canary`) before each backup. Off: identity is not proven by it."""
    checks: Name | None = None
    """Folder below `checks/`, beside this file, with this database's SQL checks; unset: the database's name, if it exists."""
    owner: Text
    """Team that answers for this database; shown in Airflow and on pages."""
    contacts: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Routes of `pages` that hear about this database."""
    lock_time_limit: Duration = datetime.timedelta(seconds=10)
    """The longest that the read lock may be waited for or held while the snapshots are opened."""
    backup_time_limit: Duration = datetime.timedelta(hours=6)
    """A backup that takes longer is stopped and has failed."""
    drill_time_limit: Duration = datetime.timedelta(hours=12)
    """A drill's step that takes longer is stopped, and the drill unproven."""
    compression_level: int = pydantic.Field(default=3, ge=1, le=19)
    """zstd's level: 1 is fastest, 19 smallest. On dumps, 3 takes about twice 1's time and saves little or nothing; links of a
    physical chain, which say much twice, are smaller by it."""
    lock: Literal["required", "if-allowed"] = "required"
    """`if-allowed`: where the account may not lock, a backup is taken nevertheless, and its drills say what is not proven."""
    non_transactional: Literal["lock", "report"] = "lock"
    """MyISAM, Aria and the like are in no snapshot. `lock`: writers of such tables, and of no others, wait until they are
    dumped; `report`: nobody waits, and drills say that those tables may be of several moments."""
    max_lag: Duration = datetime.timedelta(minutes=5)
    """A source that is a replica and further behind than this, or stopped, is not backed up: yesterday's data would look like
    today's."""
    servers: Annotated[list[Text], pydantic.Field(min_length=1)] | None = None
    """`server_uuid` (MySQL) or `server_uid` (MariaDB) of the servers that this database may be, as `./proven show` prints it.
    No other one is backed up. Unset: a drill compares with the recovery points that were proven before."""
    binlogs: Binlogs | None = None
    """Ship the binary log, too, so that any second can be restored; `{}`: as its defaults say. Unset: it is not."""
    proof: Proof = pydantic.Field(default_factory=Proof)
    """How closely drills look."""
    retention: Retention | None = None
    """Which recovery points are kept; all others are deleted, never the last proofs. Unset: nothing is ever deleted."""
