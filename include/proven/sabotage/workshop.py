"""Good recovery points, brought here once, from which each sabotage gets a fresh copy that it may break.

A copy lies in a directory store of its own, and the installation that drills it knows no other store: nothing that is done to
it can reach the real ones, and none of what its drill writes does. What is not altered is the good one's file by another name,
so that a sabotage costs the space of what it alters.
"""

from __future__ import annotations

import datetime
import functools
import os
import pathlib
import shutil

from include.proven import copying, ids, progress
from include.proven.catalog import Catalog
from include.proven.errors import ConfigError
from include.proven.fleet import model
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.sabotage import scratch
from include.proven.sabotage.stranger import Stranger

STORE = "sabotaged copy"
"""Name of the store that the copies lie in. No store of a fleet can have it: `fleet.fields.Name` allows no blank."""
HISTORY = 30
"""Recovery points before it whose manifests and verdicts lie beside a copy."""
ONE_DAY = datetime.timedelta(days=1)


class NotApplicableError(ConfigError):
    """This recovery point has nothing that could be broken in that way."""


class Workshop:
    """The recovery point whose copies are broken, and what else is needed for it. `folder` is a scratch folder."""

    def __init__(
        self, installation: Installation, database: str, recovery_point: str, store: str, folder: pathlib.Path
    ) -> None:
        self.installation = installation
        self.database = database
        self.recovery_point = recovery_point
        self.folder = folder
        self._store = store
        self.stranger = Stranger(folder / scratch.STRANGER)

    @property
    def catalog(self) -> Catalog:
        """The catalog of the real store. It is only read."""
        return self.installation.catalog(self.database, self._store)

    def bring(self, on_progress: progress.OnProgress | None = None) -> Manifest:
        """Bring the recovery point here, every part verified; return its manifest. Raise IntegrityError if it is damaged."""
        manifest = self.catalog.manifest(self.database, self.recovery_point)
        # once as it is; and once more for what is altered
        scratch.require_room(self.folder, 2 * sum(artifact.bytes for artifact in manifest.artifacts))
        folder = self._fetch(self.recovery_point, "good", on_progress)
        return self._let_stand_alone(manifest, folder)

    @functools.cached_property
    def older(self) -> str:
        """The recovery point before. Raise NotApplicableError if there is none."""
        points = [point for point in self.catalog.recovery_points(self.database) if point < self.recovery_point]
        if not points:
            raise NotApplicableError(
                f"there is no recovery point of {self.database} before {self.recovery_point}", hint="Take another backup first."
            )
        return points[-1]

    @functools.cached_property
    def older_files(self) -> pathlib.Path:
        """Folder with the recovery point before, fetched when it is first wanted. Raise NotApplicableError if there is none."""
        older = self.catalog.manifest(self.database, self.older)
        scratch.require_room(self.folder, sum(artifact.bytes for artifact in older.artifacts))
        folder = self._fetch(self.older, "older")
        self._let_stand_alone(older, folder)
        return folder

    @property
    def older_manifest(self) -> Manifest:
        """Manifest of what lies in `older_files`."""
        return Manifest.model_validate_json((self.older_files / "manifest.json").read_bytes())

    def lay_out(self) -> tuple[Installation, pathlib.Path]:
        """Lay out a fresh copy; return the installation that knows it only, and the copy's folder."""
        top = self.folder / "store"
        shutil.rmtree(top, ignore_errors=True)
        place = top / self.database / self.recovery_point
        place.mkdir(mode=0o700, parents=True)
        for file in (self.folder / "good").iterdir():
            os.link(file, place / file.name)
        for file in self._history.rglob("*.*"):
            target = top / file.relative_to(self._history)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
        return _only_with(self.installation, self.database, top), place

    @functools.cached_property
    def _history(self) -> pathlib.Path:
        """Manifests and verdicts of the recovery points before, for the checks that compare with those that were proven."""
        folder = self.folder / "history"
        folder.mkdir()
        store = self.catalog.store
        earlier = [point for point in self.catalog.recovery_points(self.database) if point < self.recovery_point]
        for point in earlier[-HISTORY:]:
            for stored in store.list_objects(f"{self.database}/{point}"):
                rest = stored.key.split("/", 2)[2]
                if rest.startswith("manifest.json") or (rest.startswith("drills/") and rest.count("/") == 1):
                    file = folder / stored.key
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(store.get_record(stored.key))
        return folder

    def _let_stand_alone(self, manifest: Manifest, folder: pathlib.Path) -> Manifest:
        """Let what was fetched have all its artifacts itself, if it refers to older ones', and return its manifest."""
        if not manifest.reused:
            return manifest
        artifacts = [artifact.model_copy(update={"name": artifact.label, "at": ""}) for artifact in manifest.artifacts]
        alone = manifest.model_copy(update={"artifacts": artifacts})
        content = alone.model_dump_json(indent=2).encode() + b"\n"
        (folder / "manifest.json").write_bytes(content)
        (folder / "manifest.json.asc").write_bytes(self.installation.keyring.sign(content))
        return alone

    def _fetch(self, recovery_point: str, name: str, on_progress: progress.OnProgress | None = None) -> pathlib.Path:
        folder = self.folder / name
        copying.fetch_recovery_point(
            self.installation, self.database, recovery_point, folder, store=self._store, on_progress=on_progress
        )
        return folder


def yesterday_of(recovery_point: str) -> str:
    """Return an id as a recovery point of the day before would have."""
    day = ids.started_at(recovery_point) - ONE_DAY
    return ids.new_recovery_point(recovery_point.split("-")[1], now=day)


def _only_with(installation: Installation, database: str, path: pathlib.Path) -> Installation:
    """Return the installation with one store only, which is that directory."""
    fleet = installation.fleet
    store = model.DirectoryStore(kind="directory", path=path)
    config = fleet.database(database).model_copy(update={"stores": [STORE]})
    changed = {"stores": {STORE: store}, "databases": {**fleet.databases, database: config}}
    return Installation(fleet.model_copy(update=changed), installation.hide)
