"""Restore a recovery point: into a sandbox, into a server that an operator names, or into a plain SQL file.

The agent gets read URLs for this one recovery point and the session key of each artifact, which we read from the
artifact's first kilobytes with the private key; the private key itself and the store's credentials stay here.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from include.proven import agent_client, engines, progress
from include.proven.agent import jobs, looks, protocol
from include.proven.catalog.at_once import map_at_once, open_pool
from include.proven.encryption import keyring
from include.proven.errors import ConfigError, EncryptionError, IntegrityError, StoreError
from include.proven.hosts.contract import Host
from include.proven.installation import Installation
from include.proven.manifest import Artifact, Manifest
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store


@dataclasses.dataclass(frozen=True)
class Reads:
    """The artifacts of one recovery point in one store, to be read."""

    store: Store
    folder: str
    elsewhere: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Label → key of those that lie in another folder."""

    @classmethod
    def of(cls, store: Store, manifest: Manifest) -> Reads:
        """Return the artifacts of one recovery point, those that earlier ones have sent among them."""
        return cls(store, f"{manifest.database}/{manifest.recovery_point}", manifest.elsewhere)

    def key_of(self, artifact: str) -> str:
        """Return the key of an artifact, given its label."""
        return self.elsewhere.get(artifact) or f"{self.folder}/{artifact}"

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Refuse: whoever restores writes nothing."""
        raise StoreError(f"a restore asked to write {artifact} to store {store}")

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Return a GET of an artifact: a restore may take longer than a URL lives."""
        return self.store.presign_get(self.key_of(artifact))


def load_into(
    installation: Installation,
    manifest: Manifest,
    target: protocol.Endpoint,
    *,
    store: str,
    host: Host = agent_client.HERE,
    name: str = "",
    sandbox: str = "",
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Load a recovery point from a store into a server and return the agent's result (`jobs.RestoreJob`).

    The agent runs on `host`, from where `target` is reached, under `name` if that may be connected to again. `sandbox` is the
    fleet's name of the sandbox that the server stands in, if it does: its bandwidth is shared. Raise IntegrityError or
    LoadError where the recovery point is to blame, another ProvenError where it is not.
    """
    if manifest.of_files:
        raise ConfigError(
            f"{manifest.recovery_point} is physical: it can't be loaded into a server",
            hint="Restore it with --to folder:PATH, which gives a data directory that a server can be started on.",
        )
    reads = Reads.of(installation.store(store), manifest)
    with open_pool(reads.store, len(manifest.artifacts)) as pool:
        artifacts = map_at_once(pool, functools.partial(open_artifact, installation, reads), manifest.artifacts)
    job = _job(installation, manifest, store, artifacts, target=target, sandbox=sandbox)
    return agent_client.run(job, host=host, name=name, reconnect=bool(name), signer=reads, on_progress=on_progress)


def load_into_empty(
    installation: Installation,
    manifest: Manifest,
    target: protocol.Endpoint,
    *,
    store: str,
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Do `load_into`, but refuse a server that already has one of the schemas: a restore never overwrites data."""
    present = set(schemas_of(installation, target)) & set(manifest.schemas)
    if present:
        raise ConfigError(
            f"the target already has {', '.join(sorted(present))}",
            hint="Restore to an empty server, or drop or rename those schemas there first: a restore never overwrites data.",
        )
    return load_into(installation, manifest, target, store=store, on_progress=on_progress)


def write_sql(
    installation: Installation,
    manifest: Manifest,
    folder: pathlib.Path,
    *,
    store: str,
    on_progress: progress.OnProgress | None = None,
) -> list[pathlib.Path]:
    """Write a recovery point's plain SQL from a store into a folder, one file an artifact, and return the files in load order.

    Of a dump by table, whose files are many, their names begin with their place in it. Raise ConfigError if one of the files
    exists. A file stands only if every check of its artifact held.
    """
    files = [folder / name for name in _file_names(manifest.artifacts)]
    for file in files:
        if file.exists():
            raise ConfigError(f"{file} exists", hint="Choose another folder, or move the file away: nothing is overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    reads = Reads.of(installation.store(store), manifest)
    for file, artifact in zip(files, manifest.artifacts, strict=True):
        opened = [open_artifact(installation, reads, artifact)]
        job = _job(installation, manifest, store, opened, output=str(file.resolve()))
        agent_client.run(job, signer=reads, on_progress=on_progress)
    return files


def _file_names(artifacts: Sequence[Artifact]) -> list[str]:
    """Return the names of the files of plain SQL: `accounts.sql`, or of a dump by table `01-accounts.sql`."""
    names = [artifact.label.removesuffix(".zst.gpg") for artifact in artifacts]
    if not any(artifact.role == "definitions" for artifact in artifacts):
        return names
    digits = len(str(len(names)))
    return [f"{place:0{digits}}-{name}" for place, name in enumerate(names, start=1)]


def schemas_of(installation: Installation, target: protocol.Endpoint) -> list[str]:
    """Return the names of all schemas of a server."""
    job = looks.QueryJob(
        protocol=protocol.VERSION,
        job="query",
        source=target,
        tools=installation.tools(engines.engine(target["flavour"])),
        sql="SELECT schema_name FROM information_schema.schemata",
        schema="",
        time_limit=30.0,
    )
    return [row[0] for row in agent_client.run(job)["rows"]]


def open_artifact(installation: Installation, reads: Reads, artifact: Artifact) -> jobs.RestoreArtifact:
    """Return an artifact as a job takes it: a read URL and the key that opens it and nothing else."""
    request = reads.sign_get(reads.store.name, artifact.label)
    session_key = _session_key(installation, reads, artifact)
    installation.hide(session_key)
    return jobs.RestoreArtifact(
        name=artifact.label,
        role=artifact.role,
        tables=artifact.tables,
        request={"method": request.method, "url": request.url, "headers": request.headers},
        session_key=session_key,
        bytes=artifact.bytes,
        sha256=artifact.sha256,
        plain_bytes=artifact.plain_bytes,
        plain_sha256=artifact.plain_sha256,
        end_marker=artifact.end_marker,
        parts=[part.model_dump() for part in artifact.parts],
    )


def _session_key(installation: Installation, reads: Reads, artifact: Artifact) -> str:
    """Return the session key of an artifact. Raise IntegrityError if its first part is damaged: gpg can't tell that."""
    key = reads.key_of(artifact.label)
    try:
        return installation.keyring.session_key(reads.store.read_start(key, keyring.START_BYTES))
    except EncryptionError:
        first = artifact.parts[0]
        content = reads.store.read_start(key, first.bytes)
        if hashlib.sha256(content).hexdigest() != first.sha256:
            raise IntegrityError(
                f"store: get {artifact.name} part 1 from {reads.store.name}: checksum mismatch",
                detail=f"{len(content)} of {first.bytes} bytes are there",
                hint="It was damaged or cut in the store. Take it from another store, or take a new backup.",
            ) from None
        raise


def _job(
    installation: Installation,
    manifest: Manifest,
    store: str,
    artifacts: Sequence[jobs.RestoreArtifact],
    *,
    target: protocol.Endpoint | None = None,
    output: str = "",
    sandbox: str = "",
) -> jobs.RestoreJob:
    return jobs.RestoreJob(
        protocol=protocol.VERSION,
        job="restore",
        target=target,
        output=output,
        tools=installation.tools(engines.engine(manifest.engine)),
        store=installation.job_store(store, sandbox),
        artifacts=list(artifacts),
    )
