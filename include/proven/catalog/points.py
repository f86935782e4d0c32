"""The recovery points of a store: one exists where its manifest stands."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from include.proven import errors, ids
from include.proven.catalog.records import SignedRecords, parse, require_same
from include.proven.manifest import Manifest

NEWEST_SHOWN = 5


class SignedManifest(NamedTuple):
    """A manifest as it lies in a store, verified."""

    manifest: Manifest
    content: bytes
    signature: bytes


class RecoveryPoints(SignedRecords):
    """What recovery points there are."""

    def recovery_points(self, database: str) -> list[str]:
        """Return the ids of the recovery points that exist (have a manifest), oldest first. No signature is looked at."""
        return sorted(point for point, rest in self._objects(database) if rest == "manifest.json")

    def incomplete(self, database: str) -> list[str]:
        """Return the ids of what has no manifest, oldest first: under way just now, left behind, or there for newer ones."""
        seen = {point for point, _ in self._objects(database)}
        seen |= {upload.key.split("/")[1] for upload in self.store.list_uploads(database)}
        return sorted(point for point in seen - set(self.recovery_points(database)) if ids.RECOVERY_POINT.fullmatch(point))

    def choose(self, database: str, which: str) -> str:
        """Given `latest`, `random` or an exact id, return an id. Raise ConfigError if there is no such recovery point."""
        return pick(self.recovery_points(database), which, database=database, place=f"store {self.store.name}")

    def publish(self, manifest: Manifest) -> None:
        """Sign and write a manifest: from then on the recovery point exists. Raise StoreError if it exists already."""
        self._put(f"{folder_of(manifest.database, manifest.recovery_point)}/manifest.json", manifest, keep=True)

    def manifest(self, database: str, recovery_point: str) -> Manifest:
        """Return a manifest. Raise IntegrityError if it is missing, not signed by the fleet's signer, broken, or another's."""
        return self.signed_manifest(database, recovery_point).manifest

    def signed_manifest(self, database: str, recovery_point: str) -> SignedManifest:
        """Return a manifest with its exact bytes and their signature. Raise IntegrityError as `manifest` does."""
        key = f"{folder_of(database, recovery_point)}/manifest.json"
        content, signature = self._read(key)
        manifest = parse(key, content, Manifest)
        require_same(key, manifest.database, database)
        require_same(key, manifest.recovery_point, recovery_point)
        return SignedManifest(manifest, content, signature)

    def copy_manifest(self, signed: SignedManifest) -> None:
        """Write another store's manifest, byte for byte: from then on the recovery point exists here too.

        If it exists already nothing is done. Raise IntegrityError if its manifest is another one.
        """
        key = f"{folder_of(signed.manifest.database, signed.manifest.recovery_point)}/manifest.json"
        try:
            there = self.store.get_record(key)
        except KeyError:
            self._write(key, signed.content, signed.signature, keep=True)
            return
        if there != signed.content:
            raise errors.IntegrityError(
                f"record {key} in store {self.store.name} is not the one that was to be copied there",
                hint="Ids never repeat: one of the two was changed. `./proven show` says which can be trusted.",
            )

    def _objects(self, database: str) -> Iterator[tuple[str, str]]:
        """Yield the recovery point and the rest of the key of every object below a recovery point of `database`."""
        for stored in self.store.list_objects(database):
            _, point, rest = (*stored.key.split("/", 2), "")[:3]
            if ids.RECOVERY_POINT.fullmatch(point):
                yield point, rest


def pick(points: Sequence[str], which: str, *, database: str, place: str) -> str:
    """Given the ids that there are, oldest first, and `latest`, `random` or an exact id, return an id.

    Raise ConfigError if there is none, or none of that id; `place` says where that is so ("store swift").
    """
    if not points:
        raise errors.ConfigError(f"database {database} has no recovery point in {place}", hint="Take a backup first.")
    if which == "latest":
        return points[-1]
    if which == "random":
        return secrets.choice(points)
    if which not in points:
        raise errors.ConfigError(
            f"database {database} has no recovery point {which} in {place}",
            hint=f"The newest are {', '.join(reversed(points[-NEWEST_SHOWN:]))}; `latest` and `random` are names too.",
        )
    return which


def folder_of(database: str, recovery_point: str) -> str:
    """Return the folder of a recovery point. Raise ConfigError if that is no id of one."""
    if not ids.RECOVERY_POINT.fullmatch(recovery_point):
        raise errors.ConfigError(f"{recovery_point!r} is no id of a recovery point", hint="`./proven list` shows them.")
    return f"{database}/{recovery_point}"
