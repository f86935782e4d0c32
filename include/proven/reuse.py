"""What a backup need not send again: artifacts of earlier recovery points that say what it would say.

Every recovery point stays a whole one. What it refers to is in the folder of the one that sent it, in every store that it goes
to, and stays there as long as anything refers to it (`catalog/references.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from include.proven.catalog import Catalog
from include.proven.catalog.drills import DRILLS
from include.proven.errors import ProvenError
from include.proven.fleet import model
from include.proven.fleet.databases import Database
from include.proven.manifest import Artifact, Manifest

LOOKED_AT = 7
"""Recovery points, the newest ones. The newest good one refers to all that there is; the others tell what is refuted."""
Known = dict[str, dict[str, Any]]


def may_reuse(config: Database, stores: Sequence[model.Store]) -> bool:
    """Say whether a database's backups may refer to older objects: they would outlive their lock or expiry in such a store."""
    return config.method == "logical" and config.parallel > 1 and not any(map(lets_go, stores))


def lets_go(store: model.Store) -> bool:
    """Say whether a store itself decides by an object's age whether it may go: by Object Lock, or by its expiry."""
    if isinstance(store, model.S3Store):
        return store.object_lock is not None
    return isinstance(store, model.SwiftStore) and store.expire_after is not None


def find_known(catalogs: Sequence[Catalog], database: str, recovery_point: str, recipients: Collection[str]) -> Known:
    """Return `content` → artifact, with `at`, that a new recovery point need not send to any of these stores.

    It is marked in each of them by now. They are of the newest recovery point that all of them have and no drill has refuted,
    if exactly today's recipients can read it. Nothing is known where a store gives no answer or a record can't be trusted: then
    all is sent.
    """
    try:
        held = set.intersection(*[set(catalog.recovery_points(database)) for catalog in catalogs])
        newest = sorted((point for point in held if point < recovery_point), reverse=True)[:LOOKED_AT]
        refuted = {point for point in newest if any(_is_refuted(catalog, database, point) for catalog in catalogs)}
        good = next((point for point in newest if point not in refuted), None)
        if good is None:
            return {}
        manifest = catalogs[0].manifest(database, good)
        if set(manifest.recipients) != set(recipients):
            return {}
        bad = {key for point in refuted for key in _keys(catalogs[0].manifest(database, point))}
        there = set.intersection(*[_stored(catalog, manifest) for catalog in catalogs])
        usable = [one for one in manifest.artifacts if one.content and (manifest.key_of(one), one.bytes) in there]
        return {one.content: _as_known(manifest, one) for one in usable if manifest.key_of(one) not in bad}
    except ProvenError:
        return {}


def _is_refuted(catalog: Catalog, database: str, recovery_point: str) -> bool:
    verdicts = catalog.verdicts(database, recovery_point, DRILLS)
    return any(verdict.outcome == "refuted" for verdict in verdicts)


def _stored(catalog: Catalog, manifest: Manifest) -> set[tuple[str, int]]:
    """Return key and bytes of all objects in the folders that a recovery point refers to, and in its own."""
    folders = {manifest.key_of(artifact).rpartition("/")[0] for artifact in manifest.artifacts}
    return {(stored.key, stored.bytes) for folder in folders for stored in catalog.store.list_objects(folder)}


def _keys(manifest: Manifest) -> set[str]:
    return {manifest.key_of(artifact) for artifact in manifest.artifacts}


def _as_known(manifest: Manifest, artifact: Artifact) -> dict[str, Any]:
    """Return an artifact with the recovery point that has sent it: never a reference to a reference."""
    return artifact.model_copy(update={"at": artifact.at or manifest.recovery_point}).model_dump()
