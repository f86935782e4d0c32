"""A recovery point of files has no table by itself: a sandbox serves it, for as long as what is wanted is dumped from there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from include.proven import chains, drill_isolation, ids, progress, restore_datadir, room
from include.proven.agent import protocol
from include.proven.installation import Installation, as_job_endpoint
from include.proven.manifest import Manifest
from include.proven.sandboxes.contract import Order


@contextlib.contextmanager
def served(
    installation: Installation, manifest: Manifest, *, store: str, on_progress: progress.OnProgress | None = None
) -> Iterator[protocol.Endpoint]:
    """Have the database's sandbox serve a recovery point, and yield its server as it is reached from here.

    It is built as a drill's, which the reaper knows should we be killed, and destroyed whatever happens. Raise IntegrityError
    or LoadError where the recovery point is to blame, another ProvenError where it is not.
    """
    chain = chains.chain_of(installation.catalog(manifest.database, store), manifest)
    identifier = ids.new_drill()
    order = Order(
        name=ids.sandbox_name(identifier),
        server=manifest.server,
        data_bytes=sum(artifact.plain_bytes for link in chain for artifact in link.artifacts),
        database=manifest.database,
        recovery_point=manifest.recovery_point,
        drill=identifier,
        tables=len(manifest.fingerprint["tables"]),
    )
    name = installation.database(manifest.database).sandbox
    sandbox = installation.sandbox(name)
    try:
        room.create(sandbox, order, installation.fleet.sandboxes[name], on_progress=on_progress)
        instance = sandbox.ready(order.name)
        with contextlib.closing(instance.host):
            drill_isolation.require(drill_isolation.look(installation, manifest.database, manifest.engine, instance))
        restore_datadir.into_sandbox(
            installation, chain, sandbox, order.name, store=store, name=f"restore-{identifier}", on_progress=on_progress
        )
        with sandbox.reach(order.name) as endpoint:
            yield as_job_endpoint(endpoint)
    finally:
        sandbox.destroy(order.name)
