"""Restore a recovery point of files: its chain's, prepared to a data directory, for a sandbox's server or in a folder.

The agent extracts and prepares (`agent/datadir.py`). No SQL is loaded: a restore takes about as long as its bytes.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from include.proven import agent_client, engines, progress, restore
from include.proven.agent import jobs, protocol
from include.proven.errors import ConfigError
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.sandboxes.contract import Place, Sandbox
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store

README = """\
{datadir} is the data directory of {flavour} {version}, as of {moment} (recovery point {point}).
Start a server of that series on it, as the user to whom it belongs:

    chown -R mysql: {datadir}
    {program} --no-defaults --user=mysql --datadir={datadir} {options}

Accounts and passwords are those of the source.
"""


@dataclasses.dataclass(frozen=True)
class ChainReads:
    """The artifacts of a chain in one store, to be read. They are named `<recovery point>/<artifact>`."""

    store: Store
    database: str

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Refuse, as `restore.Reads` does."""
        return restore.Reads(self.store, self.database).sign_parts(store, artifact, parts)

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Return a GET of an artifact."""
        return self.store.presign_get(f"{self.database}/{artifact}")


def into_sandbox(
    installation: Installation,
    chain: Sequence[Manifest],
    sandbox: Sandbox,
    instance: str,
    *,
    store: str,
    name: str,
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Have the server of a sandbox serve what a chain says, its last link's moment, and return the agent's result.

    Raise IntegrityError or LoadError where the recovery point is to blame, another ProvenError where it is not.
    """
    place = sandbox.make_place(instance)
    host = sandbox.instance(instance).host
    try:
        job = _job(installation, chain, place, store=store, sandbox=sandbox.name)
        reads = ChainReads(installation.store(store), chain[-1].database)
        result = agent_client.run(job, host=host, name=name, reconnect=True, signer=reads, on_progress=on_progress)
    finally:
        host.close()
    sandbox.serve(instance)
    return result


def into_folder(
    installation: Installation,
    chain: Sequence[Manifest],
    folder: pathlib.Path,
    *,
    store: str,
    on_progress: progress.OnProgress | None = None,
) -> list[pathlib.Path]:
    """Write a prepared data directory and a README beside it into a folder, and return both.

    Raise ConfigError if they exist. They stand only if every check of every artifact held.
    """
    datadir, readme = folder / "data", folder / "README"
    for path in (datadir, readme):
        if path.exists():
            raise ConfigError(f"{path} exists", hint="Choose another folder, or move it away: nothing is overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    job = _job(installation, chain, Place(str(datadir.resolve()), ()), store=store)
    reads = ChainReads(installation.store(store), chain[-1].database)
    agent_client.run(job, signer=reads, on_progress=on_progress)
    last, engine = chain[-1], engines.engine(chain[-1].engine)
    told = README.format(
        datadir=datadir.resolve(),
        flavour=last.server.flavour,
        version=last.server.version,
        moment=last.snapshot_at.isoformat(),
        point=last.recovery_point,
        program=engine.server_programs()[0],
        options=" ".join(engine.datadir_options(datadir)),
    )
    readme.write_text(told)
    return [datadir, readme]


def _job(
    installation: Installation, chain: Sequence[Manifest], place: Place, *, store: str, sandbox: str = ""
) -> jobs.DatadirJob:
    engine = engines.engine(chain[-1].engine)
    opening = engine.opening(chain[0].artifacts[0].name)
    return jobs.DatadirJob(
        protocol=protocol.VERSION,
        job="datadir",
        datadir=place.datadir,
        run_as=list(place.run_as),
        tools=installation.tools(engine),
        extract=opening.extract,
        prepare=opening.prepare,
        link=opening.link,
        end_marker=opening.end_marker,
        store=installation.job_store(store, sandbox),
        artifacts=[_open_link(installation, manifest, store) for manifest in chain],
    )


def _open_link(installation: Installation, manifest: Manifest, store: str) -> jobs.RestoreArtifact:
    reads = restore.Reads(installation.store(store), f"{manifest.database}/{manifest.recovery_point}")
    (artifact,) = manifest.artifacts
    opened = restore.open_artifact(installation, reads, artifact)
    opened["name"] = f"{manifest.recovery_point}/{artifact.name}"
    return opened
