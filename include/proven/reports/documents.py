"""What the report of a drill is made of: its signed verdict, and what the signed manifest says of the recovery point.

A document is drawn from the store by `gathering`. It says no more of the data than the drill's log does, and no secret, so
that it may be handed on as JSON to where there is neither store nor key.
"""

from __future__ import annotations

import collections
import datetime

from include.proven import manifest
from include.proven.agent import names
from include.proven.manifest import Command, LeftOut, Lock, Manifest, Position, Record, Replication, Server, Stage
from include.proven.proof.verdict import Verdict

COUNTED = ("schemas", "tables", "sequences", "views", "routines", "triggers", "events", "passing_events", "accounts")
"""Kinds of the inventory (`agent/inventory.py`) of which a reader wants to know the number."""
MOST_TABLES = 12
"""The largest ones are named."""
SLOWEST_TABLES = 3


class Schema(Record):
    """One schema of a recovery point."""

    name: str
    tables: int
    rows: int


class Table(Record):
    """One table of a recovery point."""

    name: str
    rows: int
    engine: str
    seconds: float
    """That its fingerprint took on the source."""


class Artifact(Record):
    """One artifact of a recovery point (`manifest.Artifact`), without its parts."""

    name: str
    bytes: int
    plain_bytes: int
    sha256: str
    parts: int
    at: str = ""


class Contents(Record):
    """What a manifest says of its recovery point, without definitions and digests."""

    recovery_point: str
    kind: str
    proven_version: str
    started_at: datetime.datetime
    data_as_of: datetime.datetime
    finished_at: datetime.datetime
    server: Server
    schemas: list[Schema]
    tables: int
    rows: int
    largest: list[Table]
    """The tables with most rows."""
    slowest: list[Table]
    """The tables whose fingerprints took longest."""
    objects: dict[str, int]
    """Kind → how many, as the inventory has them."""
    artifacts: list[Artifact]
    recipients: list[str]
    canary_written_at: str
    """Empty where no canary was written."""
    lock: Lock | None
    position: Position | None
    replication: list[Replication]
    stages: list[Stage]
    triggered_by: str = ""
    """Who asked for the backup."""
    commands: list[Command] = []
    """What the backup ran."""
    commands_left_out: LeftOut | None = None

    @property
    def plain_bytes(self) -> int:
        """Size before compression."""
        return sum(artifact.plain_bytes for artifact in self.artifacts)

    @property
    def stored_bytes(self) -> int:
        """Size as it lies in the store."""
        return sum(artifact.bytes for artifact in self.artifacts)

    @property
    def reused_bytes(self) -> int:
        """What of that earlier recovery points have sent."""
        return sum(artifact.bytes for artifact in self.artifacts if artifact.at)

    @property
    def parts(self) -> int:
        """Number of parts that were uploaded, by it or by earlier ones."""
        return sum(artifact.parts for artifact in self.artifacts)

    @property
    def seconds(self) -> float:
        """How long the backup took."""
        return (self.finished_at - self.started_at).total_seconds()


class Signed(Record):
    """One signed record of the store, whose signature was good when the report was drawn."""

    about: str
    """`verdict`, `manifest`."""
    key: str
    """Of the object, without the store's prefix; its signature is `<key>.asc`."""
    bytes: int
    sha256: str
    signer: str
    """Fingerprint of the primary key."""


class Objectives(Record):
    """What was promised, in seconds."""

    rpo_seconds: float
    rto_seconds: float
    signed: bool
    """The verdict says so itself: they went for it at that time. Otherwise they are today's, from the fleet file."""


class DrillDocument(Record):
    """The report of one drill."""

    verdict: Verdict
    contents: Contents | None
    untrusted: str = ""
    """Why there are no contents: the manifest is not to be trusted."""
    objectives: Objectives
    chosen: bool
    """There was a newer recovery point when it was drilled: the age of this one is somebody's choice, and no loss."""
    owner: str
    """Team that answers for the database."""
    place: str
    """The store, for people: `Swift, container backups, prefix proven`."""
    records: list[Signed]
    drawn_at: datetime.datetime
    drawn_by: str
    """Version of Proven."""


def summarise(found: Manifest) -> Contents:
    """Return what a manifest says of its recovery point."""
    tables = found.fingerprint.get("tables", {})
    known = [
        Table(name=name, rows=int(table["rows"]), engine=str(table.get("engine", "")), seconds=float(table.get("seconds", 0.0)))
        for name, table in tables.items()
    ]
    return Contents(
        recovery_point=found.recovery_point,
        kind=found.kind,
        proven_version=found.proven_version,
        started_at=found.started_at,
        data_as_of=found.data_as_of,
        finished_at=found.finished_at,
        server=found.server,
        schemas=_count_schemas(found.schemas, known),
        tables=len(known),
        rows=sum(table.rows for table in known),
        largest=sorted(known, key=lambda table: (-table.rows, table.name))[:MOST_TABLES],
        slowest=sorted(known, key=lambda table: (-table.seconds, table.name))[:SLOWEST_TABLES],
        objects={kind: len(found.inventory[kind]) for kind in COUNTED if found.inventory.get(kind)},
        artifacts=[_without_parts(artifact) for artifact in found.artifacts],
        recipients=found.recipients,
        canary_written_at=str((found.canary or {}).get("written_at", "")),
        lock=found.lock,
        position=found.position,
        replication=found.replication,
        stages=found.stages,
        triggered_by=found.triggered_by,
        commands=found.commands,
        commands_left_out=found.commands_left_out,
    )


def _count_schemas(schemas: list[str], tables: list[Table]) -> list[Schema]:
    """Count each schema's tables and rows. A table is named as `names.display` does, so a schema is where its name ends."""
    shown = sorted((names.display(schema) for schema in schemas), key=len, reverse=True)
    found: dict[str, list[int]] = collections.defaultdict(list)
    for table in tables:
        owner = next((schema for schema in shown if table.name.startswith(f"{schema}.")), "")
        found[owner].append(table.rows)
    return [Schema(name=schema, tables=len(found[schema]), rows=sum(found[schema])) for schema in sorted(shown)]


def _without_parts(artifact: manifest.Artifact) -> Artifact:
    return Artifact(
        name=artifact.name,
        bytes=artifact.bytes,
        plain_bytes=artifact.plain_bytes,
        sha256=artifact.sha256,
        parts=len(artifact.parts),
        at=artifact.at,
    )
