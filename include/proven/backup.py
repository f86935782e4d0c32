"""Take a backup: the agent dumps, compresses, encrypts and uploads; we commit, sign and publish.

The recovery point exists from the moment that its manifest stands in the store, and not before. Whatever happens on
the way, nothing half-made stays: parts are removed and the error goes up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import include.proven
from include.proven import agent_client, errors, ids, progress
from include.proven.agent import protocol
from include.proven.catalog import Catalog
from include.proven.errors import IntegrityError, ProvenError, StoreError
from include.proven.hosts.contract import GRACE
from include.proven.installation import Installation
from include.proven.manifest import Manifest, Part
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store, Upload


@dataclasses.dataclass(frozen=True)
class Taken:
    """A recovery point that exists, and the stores that do not have it."""

    manifest: Manifest
    failed: dict[str, ProvenError]
    """Store → why it has no copy. Those of the database's stores that are not named here have it."""


def take_backup(
    installation: Installation,
    database: str,
    recovery_point: str,
    *,
    grace: float = GRACE,
    on_progress: progress.OnProgress | None = None,
) -> Taken:
    """Back up one database as `recovery_point` to all its stores in one pass, on the database's host if it has one.

    An agent that a killed controller has left there less than `grace` seconds ago, at this same backup, is taken over with all
    that it has sent (`hosts/contract.py`).

    It is done where one store has it whole; what the others met is in the answer. Raise ProvenError (source, tool, encryption,
    store, …) where none has, with nothing left in any. Keys and stores are tried before the source is touched: a dump that
    can't be kept should not lock anything.
    """
    keys = installation.keyring.check_recipients()
    installation.keyring.check_signer()
    stores = installation.database(database).stores
    catalogs: dict[str, Catalog] = {}
    failed: dict[str, ProvenError] = {}
    for name in stores:
        with _leaving_behind(name, failed, stores):
            catalogs[name] = installation.catalog(database, name)
            catalogs[name].store.check()
    uploads = Uploads({name: one.store for name, one in catalogs.items()}, f"{database}/{recovery_point}")

    def begin() -> protocol.BackupJob:
        uploads.resumed = False
        for name, catalog in catalogs.items():
            with _leaving_behind(name, failed, stores):
                catalog.discard(database, recovery_point)
        return _job(installation, database, recovery_point, [name for name in catalogs if name not in failed])

    started_at = datetime.datetime.now(datetime.UTC)
    try:
        with contextlib.closing(installation.host_of(database)) as host:
            name = run_name(recovery_point)
            result = agent_client.run(
                begin, host=host, name=name, grace=grace, reconnect=True, signer=uploads, on_progress=on_progress
            )
            failed |= {name: errors.from_agent(error, agent_client.place(host)) for name, error in result["failed"].items()}
        if uploads.resumed:
            started_at = ids.started_at(recovery_point)
        manifest = _manifest(installation, database, recovery_point, started_at, result, [key.fingerprint for key in keys])
        for name in [name for name in stores if name not in failed]:
            with _leaving_behind(name, failed, stores):
                uploads.commit(name, result["artifacts"])
                catalogs[name].publish(manifest)
    except BaseException as error:
        # also on KeyboardInterrupt and on SIGTERM's SystemExit: what is not published is removed
        try:
            discard(installation, database, recovery_point)
        except ProvenError as left:
            # a store that is down must not hide why there is no backup
            error.add_note(f"and what it has left could not be removed: {left.what}")
        raise
    for name in set(failed) & set(catalogs):
        # a store that is down keeps what it has: a later copy goes on from it, or `./proven sweep` finds it
        with contextlib.suppress(ProvenError):
            discard_from(catalogs[name], database, recovery_point)
    return Taken(manifest, failed)


@contextlib.contextmanager
def _leaving_behind(name: str, failed: dict[str, ProvenError], stores: Sequence[str]) -> Iterator[None]:
    """Note what a store met in `failed`. Raise it if no other of `stores` is left."""
    try:
        yield
    except ProvenError as error:
        failed[name] = error
        if len(failed) == len(stores):
            raise


def run_name(recovery_point: str) -> str:
    """Return the name under which the agent of a backup is found again on its host."""
    return f"backup-{recovery_point}"


def end_run(installation: Installation, database: str, recovery_point: str) -> None:
    """End the agent that a killed controller has left on the database's host, if it has one. Raise ProvenError."""
    if installation.database(database).host is None:
        return  # there it has died with its controller
    with contextlib.closing(installation.host_of(database)) as host:
        host.start(run_name(recovery_point)).end()


def discard(installation: Installation, database: str, recovery_point: str) -> int:
    """Remove what an unfinished backup left in any of the database's stores; return how many objects and parts went.

    A published recovery point is left as it is, so that a teardown may call this whatever happened before. Every store is
    tried before the first one's error is raised.
    """
    removed, met = 0, []
    for name in installation.database(database).stores:
        try:
            removed += discard_from(installation.catalog(database, name), database, recovery_point)
        except ProvenError as error:
            met.append(error)
    if met:
        raise met[0]
    return removed


def discard_from(catalog: Catalog, database: str, recovery_point: str) -> int:
    """Do `discard` in one store."""
    if recovery_point in catalog.recovery_points(database):
        return 0
    return catalog.discard(database, recovery_point)


def new_id(run: str | None = None) -> str:
    """Return an id for a new full backup, and of the run that asks, if it has a name (`ids.belongs_to`)."""
    return ids.new_recovery_point("full", run=run)


@dataclasses.dataclass
class Uploads:
    """The uploads of one recovery point to its stores, each opened when the agent first asks for a URL."""

    stores: dict[str, Store]
    folder: str
    resumed: bool = True
    """The agent was found at work: another controller has opened its uploads."""
    opened: dict[tuple[str, str], Upload] = dataclasses.field(default_factory=dict)

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return a PUT for each part of an artifact."""
        return self.stores[store].presign_parts(self._open(store, artifact), parts)

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Refuse: a backup reads nothing."""
        raise StoreError(f"a backup asked to read {artifact} from store {store}")

    def commit(self, store: str, artifacts: Sequence[dict[str, Any]]) -> None:
        """Compare every part with what the store holds, then make each artifact visible there."""
        for artifact in artifacts:
            if not self.resumed and (store, artifact["name"]) not in self.opened:
                raise IntegrityError(f"the agent says it sent {artifact['name']}, but never asked where to")
            parts = [Part.model_validate(part) for part in artifact["parts"]]
            self.stores[store].commit_upload(self._open(store, artifact["name"]), parts)

    def _open(self, store: str, artifact: str) -> Upload:
        if (store, artifact) not in self.opened:
            opened = self.stores[store]
            begin = opened.resume_upload if self.resumed else opened.begin_upload
            self.opened[store, artifact] = begin(f"{self.folder}/{artifact}")
        return self.opened[store, artifact]


def _job(installation: Installation, database: str, recovery_point: str, stores: Sequence[str]) -> protocol.BackupJob:
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
        stores=[installation.job_store(name) for name in stores],
        part_bytes=protocol.PART_BYTES,
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
