"""Take a backup: the agent dumps, compresses, encrypts and uploads; we commit, sign and publish.

The recovery point exists from the moment that its manifest stands in the store, and not before. Whatever happens on
the way, nothing half-made stays: parts are removed and the error goes up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from typing import Any, cast

import include.proven
from include.proven import agent_client, audit, chains, errors, ids, progress, reuse
from include.proven.agent import jobs, protocol
from include.proven.catalog import Catalog
from include.proven.errors import ConfigError, ProvenError
from include.proven.hosts.contract import GRACE
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.uploads import Uploads


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
    triggered_by: str = "",
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
    run = _Run(installation, database, recovery_point, [key.fingerprint for key in keys])
    run.open_stores()
    try:
        with audit.listen() as heard:
            started_at, result = run.take(grace, on_progress)
        told = {"recipients": run.recipients, "triggered_by": triggered_by, **audit.keep(heard)}
        manifest = _manifest(installation, database, recovery_point, started_at, result, told)
        run.publish(manifest, result["artifacts"])
    except BaseException as error:
        # also on KeyboardInterrupt and on SIGTERM's SystemExit: what is not published is removed
        try:
            discard(installation, database, recovery_point)
        except ProvenError as left:
            # a store that is down must not hide why there is no backup
            error.add_note(f"and what it has left could not be removed: {left.what}")
        raise
    run.clear_failed()
    return Taken(manifest, run.failed)


@dataclasses.dataclass
class _Run:
    """One backup on its way to its stores; those that have met an error stay behind in `failed`."""

    installation: Installation
    database: str
    recovery_point: str
    recipients: list[str]
    """Fingerprints of the keys that can read it."""
    catalogs: dict[str, Catalog] = dataclasses.field(default_factory=dict)
    failed: dict[str, ProvenError] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        config = self.installation.database(self.database)
        self.stores = config.stores
        self._reuses = reuse.may_reuse(config, [self.installation.fleet.stores[name] for name in self.stores])

    def open_stores(self) -> None:
        """Open the stores and try each. Raise ProvenError where none answers."""
        for name in self.stores:
            with self._leaving_behind(name):
                self.catalogs[name] = self.installation.catalog(self.database, name)
                self.catalogs[name].store.check()
        opened = {name: catalog.store for name, catalog in self.catalogs.items()}
        self.uploads = Uploads(opened, f"{self.database}/{self.recovery_point}")

    def take(self, grace: float, on_progress: progress.OnProgress | None) -> tuple[datetime.datetime, dict[str, Any]]:
        """Have the agent take the backup, or go on with it; return when it began and the agent's result."""
        started_at, name = datetime.datetime.now(datetime.UTC), run_name(self.recovery_point)
        with contextlib.closing(self.installation.host_of(self.database)) as host:
            result = agent_client.run(
                self._begin, host=host, name=name, grace=grace, reconnect=True, signer=self.uploads, on_progress=on_progress
            )
            place = agent_client.place(host)
        self.failed |= {name: errors.from_agent(error, place) for name, error in result["failed"].items()}
        return (ids.started_at(self.recovery_point) if self.uploads.resumed else started_at), result

    def publish(self, manifest: Manifest, artifacts: Sequence[dict[str, Any]]) -> None:
        """Make the recovery point exist in every store that has it whole. Raise ProvenError where none does."""
        for name in [name for name in self.stores if name not in self.failed]:
            with self._leaving_behind(name):
                self.uploads.commit(name, artifacts)
                if manifest.reused:
                    self.catalogs[name].require_standing(manifest)
                self.catalogs[name].publish(manifest)
                self.catalogs[name].unmark(self.database, self.recovery_point)

    def clear_failed(self) -> None:
        """Remove what the stores that stayed behind have of it, as far as they let us."""
        for name in set(self.failed) & set(self.catalogs):
            # a store that is down keeps what it has: a later copy goes on from it, or `./proven sweep` finds it
            with contextlib.suppress(ProvenError):
                discard_from(self.catalogs[name], self.database, self.recovery_point)

    def _begin(self) -> jobs.BackupJob:
        """Return the job for an agent that begins anew."""
        self.uploads.resumed = False
        for name, catalog in self.catalogs.items():
            with self._leaving_behind(name):
                catalog.discard(self.database, self.recovery_point)
                if self._reuses:
                    catalog.mark(self.database, self.recovery_point)
        left = [name for name in self.catalogs if name not in self.failed]
        job = _job(self.installation, self.database, self.recovery_point, left)
        if self._reuses and left:
            catalogs = [self.catalogs[name] for name in left]
            job["known"] = reuse.find_known(catalogs, self.database, self.recovery_point, self.recipients)
        return job

    @contextlib.contextmanager
    def _leaving_behind(self, name: str) -> Iterator[None]:
        """Note what a store met in `failed`. Raise it if no other is left."""
        try:
            yield
        except ProvenError as error:
            self.failed[name] = error
            if len(self.failed) == len(self.stores):
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


def new_id(run: str | None = None, *, kind: str = "full") -> str:
    """Return an id for a new backup, and of the run that asks, if it has a name (`ids.belongs_to`)."""
    return ids.new_recovery_point(kind, run=run)


def choose_kind(installation: Installation, database: str) -> str:
    """Return what a scheduled backup of a database is to be: `snapshot`, `full`, or a link of the chain that there is.

    A store that gives no answer raises no error here: then it is a full one, which needs none of the others.
    """
    if installation.database(database).method == "snapshot":
        return "snapshot"
    plan = installation.database(database).incremental
    if plan is None:
        return "full"
    try:
        catalogs = _catalogs(installation, database, installation.database(database).stores)
        full = chains.find_base(catalogs, database, "differential")
    except ProvenError:
        return "full"
    if full is None or datetime.datetime.now(datetime.UTC) - full.started_at >= plan.full_every:
        return "full"
    return "incremental" if plan.since == "last" else "differential"


def _job(installation: Installation, database: str, recovery_point: str, stores: Sequence[str]) -> jobs.BackupJob:
    config = installation.database(database)
    job = _logical_job(installation, database, recovery_point, stores)
    if config.method == "logical":
        return job
    if config.snapshot is not None:
        about = {"volume": config.snapshot.volume, "folder": str(config.snapshot.folder or "")}
        return cast(jobs.SnapshotJob, {**job, "job": "snapshot", **about})
    if config.clone_folder is not None:
        if (kind := ids.kind_of(recovery_point)) != "full":
            raise ConfigError(f"a clone is always a full one, not {kind}", hint="Leave out --kind.")
        return cast(jobs.CloneJob, {**job, "job": "clone", "volume": "", "folder": config.clone_folder})
    tools = installation.as_job_tools(installation.physical(config.engine))
    base = chains.find_base(_catalogs(installation, database, stores), database, ids.kind_of(recovery_point))
    on = {
        "since": base.pages.to_lsn if base and base.pages else 0,
        "base": base.recovery_point if base else "",
        "base_server": base.server.identity if base else "",
    }
    return cast(jobs.PhysicalJob, {**job, "job": "physical", "tools": tools, **on})


def _catalogs(installation: Installation, database: str, stores: Sequence[str]) -> list[Catalog]:
    return [installation.catalog(database, store) for store in stores]


def _logical_job(installation: Installation, database: str, recovery_point: str, stores: Sequence[str]) -> jobs.BackupJob:
    config = installation.database(database)
    return jobs.BackupJob(
        protocol=protocol.VERSION,
        job="backup",
        recovery_point=recovery_point,
        source=installation.source(database),
        tools=installation.tools(installation.engine(database)),
        schemas=config.schemas,
        canary=config.canary,
        lock_seconds=config.lock_time_limit.total_seconds(),
        lock=config.lock,
        non_transactional=config.non_transactional,
        max_lag=config.max_lag.total_seconds(),
        servers=config.servers or [],
        sample_above=config.proof.sample_above or 0,
        questions=installation.questions(database),
        recipients=installation.keyring.export_public_keys(),
        compression_level=config.compression_level,
        stores=[installation.job_store(name) for name in stores],
        part_bytes=protocol.PART_BYTES,
        parallel=config.parallel,
        known={},
    )


def _manifest(
    installation: Installation,
    database: str,
    recovery_point: str,
    started_at: datetime.datetime,
    result: dict[str, Any],
    told: dict[str, Any],
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
            "lock",
            "position",
            "replication",
            "not_covered",
            "answers",
        )
    }
    return Manifest.model_validate(
        {
            "recovery_point": recovery_point,
            "database": database,
            "engine": installation.database(database).engine,
            "kind": ids.kind_of(recovery_point),
            "method": installation.database(database).method,
            "base": result.get("base", ""),
            "pages": result.get("pages"),
            "proven_version": include.proven.__version__,
            "started_at": started_at,
            "finished_at": datetime.datetime.now(datetime.UTC),
            **taken,
            **told,
        }
    )
