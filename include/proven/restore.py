"""Restore a recovery point: into a sandbox, into a server that an operator names, or into a plain SQL file.

The agent gets read URLs for this one recovery point and the session key of each artifact, which we read from the
artifact's first kilobytes with the private key; the private key itself and the store's credentials stay here.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from include.proven import agent_client, engines, progress
from include.proven.agent import protocol
from include.proven.encryption import keyring
from include.proven.errors import ConfigError
from include.proven.installation import Installation
from include.proven.manifest import Artifact, Manifest
from include.proven.stores.contract import SignedRequest


def load_into(
    installation: Installation,
    manifest: Manifest,
    target: protocol.Endpoint,
    *,
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Load a recovery point into a server and return the agent's result (`protocol.RestoreJob`).

    Raise IntegrityError or LoadError where the recovery point is to blame, another ProvenError where it is not.
    """
    artifacts = [_open_artifact(installation, manifest, artifact) for artifact in manifest.artifacts]
    job = _job(installation, manifest, artifacts, target=target)
    return agent_client.run(job, presign=_renew(installation, manifest), on_progress=on_progress)


def load_into_empty(
    installation: Installation,
    manifest: Manifest,
    target: protocol.Endpoint,
    *,
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Do `load_into`, but refuse a server that already has one of the schemas: a restore never overwrites data."""
    present = set(schemas_of(installation, target)) & set(manifest.schemas)
    if present:
        raise ConfigError(
            f"the target already has {', '.join(sorted(present))}",
            hint="Restore to an empty server, or drop or rename those schemas there first: a restore never overwrites data.",
        )
    return load_into(installation, manifest, target, on_progress=on_progress)


def write_sql(
    installation: Installation,
    manifest: Manifest,
    folder: pathlib.Path,
    *,
    on_progress: progress.OnProgress | None = None,
) -> list[pathlib.Path]:
    """Write a recovery point's plain SQL into a folder, one file an artifact, and return the files in load order.

    Raise ConfigError if one of the files exists. A file stands only if every check of its artifact held.
    """
    files = [folder / artifact.name.removesuffix(".zst.gpg") for artifact in manifest.artifacts]
    for file in files:
        if file.exists():
            raise ConfigError(f"{file} exists", hint="Choose another folder, or move the file away: nothing is overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    for file, artifact in zip(files, manifest.artifacts, strict=True):
        opened = [_open_artifact(installation, manifest, artifact)]
        job = _job(installation, manifest, opened, output=str(file.resolve()))
        agent_client.run(job, presign=_renew(installation, manifest), on_progress=on_progress)
    return files


def schemas_of(installation: Installation, target: protocol.Endpoint) -> list[str]:
    """Return the names of all schemas of a server."""
    job = protocol.QueryJob(
        protocol=protocol.VERSION,
        job="query",
        source=target,
        tools=installation.tools(engines.engine(target["flavour"])),
        sql="SELECT schema_name FROM information_schema.schemata",
        schema="",
        time_limit=30.0,
    )
    return [row[0] for row in agent_client.run(job)["rows"]]


def _renew(installation: Installation, manifest: Manifest) -> agent_client.Presign:
    """Return what gives the agent a fresh URL when one has expired: a restore may take longer than a URL lives."""
    store = installation.catalog(manifest.database).store

    def presign(artifact: str, numbers: Sequence[int]) -> list[SignedRequest]:
        return [store.presign_get(_key(manifest, artifact)) for _ in numbers]

    return presign


def _key(manifest: Manifest, artifact: str) -> str:
    return f"{manifest.database}/{manifest.recovery_point}/{artifact}"


def _open_artifact(installation: Installation, manifest: Manifest, artifact: Artifact) -> protocol.RestoreArtifact:
    """Return an artifact as a job takes it: a read URL and the key that opens it and nothing else."""
    store = installation.catalog(manifest.database).store
    key = _key(manifest, artifact.name)
    request = store.presign_get(key)
    session_key = installation.keyring.session_key(store.read_start(key, keyring.START_BYTES))
    installation.hide(session_key)
    return protocol.RestoreArtifact(
        name=artifact.name,
        role=artifact.role,
        request={"method": request.method, "url": request.url, "headers": request.headers},
        session_key=session_key,
        bytes=artifact.bytes,
        sha256=artifact.sha256,
        plain_bytes=artifact.plain_bytes,
        plain_sha256=artifact.plain_sha256,
        end_marker=artifact.end_marker,
        parts=[part.model_dump() for part in artifact.parts],
    )


def _job(
    installation: Installation,
    manifest: Manifest,
    artifacts: Sequence[protocol.RestoreArtifact],
    *,
    target: protocol.Endpoint | None = None,
    output: str = "",
) -> protocol.RestoreJob:
    return protocol.RestoreJob(
        protocol=protocol.VERSION,
        job="restore",
        target=target,
        output=output,
        tools=installation.tools(engines.engine(manifest.engine)),
        artifacts=list(artifacts),
        parallel=protocol.PARALLEL,
    )
