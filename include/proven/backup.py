"""Take a backup: the agent dumps, compresses, encrypts and uploads; we commit, sign and publish.

The recovery point exists from the moment that its manifest stands in the store, and not before. Whatever happens on
the way, nothing half-made stays: parts are removed and the error goes up.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import include.proven
from include.proven import agent_client, ids, progress
from include.proven.agent import protocol
from include.proven.catalog import Catalog
from include.proven.errors import IntegrityError
from include.proven.installation import Installation
from include.proven.manifest import Manifest, Part
from include.proven.stores.contract import SignedRequest, Store, Upload


def take_backup(
    installation: Installation,
    database: str,
    recovery_point: str,
    *,
    on_progress: progress.OnProgress | None = None,
) -> Manifest:
    """Back up one database as `recovery_point` and return its published manifest.

    Raise ProvenError (source, tool, encryption, store, …) with nothing left in the store. The keys and the store are
    tried before the source is touched: a dump that can't be kept should not lock anything.
    """
    catalog = installation.catalog(database)
    keys = installation.keyring.check_recipients()
    installation.keyring.check_signer()
    catalog.store.check()
    catalog.discard(database, recovery_point)
    uploads = Uploads(catalog.store, f"{database}/{recovery_point}")
    started_at = datetime.datetime.now(datetime.UTC)
    try:
        result = agent_client.run(
            _job(installation, database, recovery_point), presign=uploads.presign, on_progress=on_progress
        )
        uploads.commit(result["artifacts"])
        manifest = _manifest(installation, database, recovery_point, started_at, result, [key.fingerprint for key in keys])
        catalog.publish(manifest)
    except BaseException:
        # also on KeyboardInterrupt and on SIGTERM's SystemExit: what is not published is removed
        discard(catalog, database, recovery_point)
        raise
    return manifest


def discard(catalog: Catalog, database: str, recovery_point: str) -> int:
    """Remove what an unfinished backup left in the store; return how many objects and parts went.

    A published recovery point is left as it is, so that a teardown may call this whatever happened before.
    """
    if recovery_point in catalog.recovery_points(database):
        return 0
    return catalog.discard(database, recovery_point)


def new_id() -> str:
    """Return an id for a new full backup."""
    return ids.new_recovery_point("full")


@dataclasses.dataclass
class Uploads:
    """The uploads of one recovery point, opened when the agent first asks for a URL."""

    store: Store
    folder: str
    opened: dict[str, Upload] = dataclasses.field(default_factory=dict)

    def presign(self, artifact: str, numbers: Sequence[int]) -> list[SignedRequest]:
        """Return a PUT for each part number of an artifact."""
        if artifact not in self.opened:
            self.opened[artifact] = self.store.begin_upload(f"{self.folder}/{artifact}")
        return self.store.presign_parts(self.opened[artifact], numbers)

    def commit(self, artifacts: Sequence[dict[str, Any]]) -> None:
        """Compare every part with what the store holds, then make each artifact visible."""
        for artifact in artifacts:
            if artifact["name"] not in self.opened:
                raise IntegrityError(f"the agent says it sent {artifact['name']}, but never asked where to")
            parts = [Part.model_validate(part) for part in artifact["parts"]]
            self.store.commit_upload(self.opened[artifact["name"]], parts)


def _job(installation: Installation, database: str, recovery_point: str) -> protocol.BackupJob:
    config = installation.database(database)
    return protocol.BackupJob(
        protocol=protocol.VERSION,
        job="backup",
        recovery_point=recovery_point,
        source=installation.source(database),
        tools=installation.tools(installation.engine(database)),
        schemas=config.schemas,
        canary=config.canary,
        lock_seconds=config.lock_time_limit.total_seconds(),
        recipients=installation.keyring.export_public_keys(),
        compression_level=config.compression_level,
        part_bytes=protocol.PART_BYTES,
        parallel=protocol.PARALLEL,
    )


def _manifest(
    installation: Installation,
    database: str,
    recovery_point: str,
    started_at: datetime.datetime,
    result: dict[str, Any],
    recipients: list[str],
) -> Manifest:
    taken = {
        name: result[name]
        for name in (
            "server",
            "schemas",
            "snapshot_at",
            "artifacts",
            "fingerprint",
            "inventory",
            "canary",
            "stages",
            "commands",
        )
    }
    return Manifest.model_validate(
        {
            "recovery_point": recovery_point,
            "database": database,
            "engine": installation.database(database).engine,
            "proven_version": include.proven.__version__,
            "started_at": started_at,
            "finished_at": datetime.datetime.now(datetime.UTC),
            "recipients": recipients,
            **taken,
        }
    )
