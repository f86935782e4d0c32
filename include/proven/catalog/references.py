"""Recovery points that refer to objects in the folders of older ones: which of those must stay, and how the others go.

Nobody locks anything. Whoever is about to refer to older objects marks his own folder first and looks for them afterwards;
whoever deletes takes away the manifest first and looks for marks and manifests afterwards. So one of the two sees the other,
whatever the order (`docs/decisions/0030-rows-not-sent-again.md`).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from include.proven import errors
from include.proven.catalog.at_once import Pool
from include.proven.catalog.points import RecoveryPoints, folder_of
from include.proven.catalog.records import parse
from include.proven.manifest import Manifest

MARK = "begun"
"""Object in the folder of what is being made, until its manifest stands."""
AT_ONCE = 50
"""Manifests that are in memory together: one that knows every column of thousands of tables has megabytes."""
Told = Mapping[str, frozenset[str]]
"""Recovery point → keys that it refers to, of those whose manifests were read already: they never change."""
NOTHING: Told = {}


@dataclasses.dataclass(frozen=True)
class Needed:
    """Objects that recovery points refer to which did not send them."""

    keys: frozenset[str]
    doubtful: str = ""
    """The newest recovery point of which nobody knows what it refers to: it is being made, or its manifest can't be trusted."""

    def has(self, key: str) -> bool:
        """Say whether an object must stay: a recovery point refers to older ones only."""
        return key in self.keys or self.is_doubtful(key.split("/")[1])

    def is_doubtful(self, recovery_point: str) -> bool:
        """Say whether more in its folder may be needed than is known."""
        return recovery_point < self.doubtful


class Gone(NamedTuple):
    """What was deleted."""

    objects: int
    """Parts of uploads among them."""
    bytes: int
    """Of artifacts."""


class References(RecoveryPoints):
    """What recovery points share."""

    def mark(self, database: str, recovery_point: str) -> None:
        """Say that a recovery point is being made, before anything is looked for that it may refer to."""
        key = f"{folder_of(database, recovery_point)}/{MARK}"
        self.store.delete_record(key)  # of a try that was killed: its time is no longer true
        self.store.put_record(key, b"")

    def unmark(self, database: str, recovery_point: str) -> None:
        """Take the mark away: the manifest stands, or nobody works on it any more."""
        # one that stays says nothing where a manifest stands, and the sweep takes it where none does
        with contextlib.suppress(errors.ProvenError):
            self.store.delete_record(f"{folder_of(database, recovery_point)}/{MARK}")

    @contextlib.contextmanager
    def marked(self, database: str, recovery_point: str) -> Iterator[None]:
        """Mark a recovery point for as long as it is being made by whoever is in this context."""
        self.mark(database, recovery_point)
        try:
            yield
        finally:
            self.unmark(database, recovery_point)

    def require_standing(self, manifest: Manifest) -> None:
        """Raise IntegrityError unless all artifacts stand here in their size, StoreError if its mark is gone."""
        folder = folder_of(manifest.database, manifest.recovery_point)
        folders = {folder, *(manifest.key_of(artifact).rpartition("/")[0] for artifact in manifest.reused)}
        there = {stored.key: stored.bytes for one in folders for stored in self.store.list_objects(one)}
        if manifest.reused and f"{folder}/{MARK}" not in there:
            raise errors.StoreError(
                f"{folder}/{MARK} is gone from store {self.store.name}: what it refers to may go any moment",
                hint="Somebody has swept the store while this was on its way. Try again.",
            )
        for artifact in manifest.artifacts:
            key = manifest.key_of(artifact)
            if key not in there:
                self.store.presign_get(key)  # a listing may lag behind what is stored: the object itself has the last word
            elif there[key] != artifact.bytes:
                raise errors.IntegrityError(
                    f"{key} in store {self.store.name} has {there[key]} bytes, and not {artifact.bytes}",
                    hint="It was damaged there. A copy from another store, or a new backup, has what it should be.",
                )

    def discard(self, database: str, recovery_point: str) -> int:
        """Delete what an unfinished backup has left, and return how many objects and parts went.

        Raise ConfigError if the recovery point exists: only retention deletes those.
        """
        folder = folder_of(database, recovery_point)
        if any(stored.key == f"{folder}/manifest.json" for stored in self.store.list_objects(folder)):
            raise errors.ConfigError(f"recovery point {recovery_point} of {database} is complete: it is not discarded")
        return self.clear(database, recovery_point).objects

    def clear(self, database: str, recovery_point: str, told: Told = NOTHING) -> Gone:
        """Delete all in the folder of what has no manifest (any more) but the artifacts that others need."""
        folder = folder_of(database, recovery_point)
        there = {stored.key: stored.bytes for stored in self.store.list_objects(folder)}
        artifacts = {key for key in there if _is_artifact(key.removeprefix(f"{folder}/"))}
        needed = self.needed(database, recovery_point, told) if artifacts else Needed(frozenset())
        kept = {key for key in artifacts if needed.has(key)}
        size = sum(there[key] for key in artifacts - kept)
        if not kept:
            return Gone(self.store.delete_folder(folder), size)
        uploads = self.store.list_uploads(folder)
        for upload in uploads:
            self.store.abort_upload(upload)
        for key in sorted(there.keys() - kept):
            self.store.delete_artifact(key)
        return Gone(len(there) - len(kept) + len(uploads), size)

    def clear_abandoned(self, database: str, recovery_point: str, told: Told = NOTHING) -> Gone:
        """Do `clear` where there is neither a manifest nor somebody who makes one."""
        folder = folder_of(database, recovery_point)
        keys = {stored.key for stored in self.store.list_objects(folder)}
        if keys & {f"{folder}/manifest.json", f"{folder}/{MARK}"}:
            return Gone(0, 0)
        return self.clear(database, recovery_point, told)

    def needed(self, database: str, oldest: str, told: Told = NOTHING, pool: Pool = None) -> Needed:
        """Return what recovery points refer to that are newer than `oldest`."""
        newer = [(point, rest) for point, rest in self._objects(database) if point > oldest]
        complete = {point for point, rest in newer if rest == "manifest.json"}
        doubtful = {point for point, rest in newer if rest == MARK} - complete
        keys = {key for point in complete & told.keys() for key in told[point]}
        for point, manifest in self._read_manifests_of(database, sorted(complete - told.keys()), pool):
            if isinstance(manifest, Manifest):
                keys |= set(manifest.elsewhere.values())
            elif manifest is not None:
                doubtful.add(point)
        return Needed(frozenset(keys), max(doubtful, default=""))

    def _read_manifests_of(
        self, database: str, points: list[str], pool: Pool
    ) -> Iterator[tuple[str, Manifest | errors.ProvenError | None]]:
        """Yield each manifest, why it can't be trusted, or None if it has gone meanwhile."""
        for start in range(0, len(points), AT_ONCE):
            keys = {f"{folder_of(database, point)}/manifest.json": point for point in points[start : start + AT_ONCE]}
            for key, content in self._read_all(list(keys), pool).items():
                try:
                    yield keys[key], parse(key, content, Manifest) if isinstance(content, bytes) else content
                except (errors.IntegrityError, errors.ConfigError) as error:
                    yield keys[key], error


def _is_artifact(rest: str) -> bool:
    """Say whether a key, without its recovery point's folder, is an artifact's."""
    return "/" not in rest and rest not in {"manifest.json", "manifest.json.asc", MARK}
