"""What stands in a store of one database: every recovery point, what it needs, and what drills have said of it.

One listing, and all manifests and verdicts, verified many by one run of gpg. What can't be trusted is named beside what it is
about: whoever deletes must not mistake it for something that is not there.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping

from include.proven import errors, ids
from include.proven.catalog.at_once import Pool
from include.proven.catalog.drills import CHAINS, DRILLS, VERDICT, Drills
from include.proven.catalog.points import folder_of
from include.proven.catalog.records import parse, require_same
from include.proven.catalog.references import AT_ONCE, Gone
from include.proven.manifest import Manifest, Position
from include.proven.proof.verdict import Outcome


@dataclasses.dataclass(frozen=True)
class Brief:
    """What a manifest says that its neighbours must know."""

    base: str
    method: str
    server: str
    """Identity of the server that it was taken from."""
    snapshot_at: datetime.datetime
    position: Position | None
    sent: Mapping[str, int]
    """Key of each artifact that it has sent itself → bytes, as stored."""
    reused: Mapping[str, int]
    """Likewise of those that lie in the folders of older ones."""
    shares: bool
    """Whether newer ones may refer to what it has sent."""

    @property
    def bytes(self) -> int:
        """Of the artifacts that it has sent."""
        return sum(self.sent.values())


@dataclasses.dataclass
class Point:
    """One recovery point as a store holds it."""

    recovery_point: str
    keys: set[str] = dataclasses.field(default_factory=set)
    """Of all objects below it."""
    brief: Brief | None = None
    """None: its manifest can't be trusted."""
    verdicts: list[Outcome] = dataclasses.field(default_factory=list)
    """Of those that can be trusted, the oldest drill first."""
    unfinished: list[str] = dataclasses.field(default_factory=list)
    """Drills that have left evidence and no verdict: they run, or were killed."""
    unfinished_chains: list[str] = dataclasses.field(default_factory=list)
    """Likewise those that come here from an older one by the log."""
    untrusted: list[errors.ProvenError] = dataclasses.field(default_factory=list)
    """Why records of it can't be trusted."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """What one store holds of a database."""

    points: dict[str, Point]
    """Those that exist (have a manifest), oldest first."""
    half_made: list[str]
    """Ids of what has no manifest, and is not there for others alone: it is being written, or was left by a crash."""


class StandingPoints(Drills):
    """Reads what stands in one store."""

    def standing(self, database: str, pool: Pool = None) -> Standing:
        """Return what the store holds of a database, nothing if it holds nothing. Raise StoreError if it can't be read."""
        try:
            # first the uploads: what is committed between the two shows as an object
            uploads = {upload.key.split("/")[1] for upload in self.store.list_uploads(database)}
            points = self._list_points(database)
        except errors.NothingStoredError:
            return Standing({}, [])
        complete = {name: point for name, point in points.items() if f"{_folder(database, point)}/manifest.json" in point.keys}
        begun = {name for name in uploads if ids.RECOVERY_POINT.fullmatch(name)}
        held = list(complete.values())
        for start in range(0, len(held), AT_ONCE):
            self._read_manifests(database, held[start : start + AT_ONCE], pool)
            self._read_verdicts(database, held[start : start + AT_ONCE], pool)
        needed = {key for point in held if point.brief for key in point.brief.reused}
        half_made = begun | {name for name in points.keys() - complete.keys() if points[name].keys - needed}
        return Standing(complete, sorted(half_made))

    def remove(self, database: str, recovery_point: str, briefs: Mapping[str, Brief | None]) -> int:
        """Delete a recovery point with its verdicts, and return how many bytes of artifacts went. For retention alone.

        What others refer to stays; what it was the last to refer to goes, too. `briefs`: of those that stand. The manifest
        goes first: killed after that, it is no recovery point any more, and `./proven sweep` takes the rest.
        """
        self._delete(f"{folder_of(database, recovery_point)}/manifest.json")
        brief, told = briefs.get(recovery_point), {point: frozenset(one.reused) for point, one in briefs.items() if one}
        if brief and not brief.shares:
            self.store.delete_folder(folder_of(database, recovery_point))
            gone = [Gone(0, brief.bytes)]
        else:
            gone = [self.clear(database, recovery_point, told)]
        older = {key.split("/")[1] for key in brief.reused} if brief else set()
        gone += [self.clear_abandoned(database, point, told) for point in sorted(older)]
        return sum(one.bytes for one in gone)

    def keys_below(self, database: str, recovery_point: str) -> set[str]:
        """Return the keys of all objects below a recovery point, as they are just now."""
        return {stored.key for stored in self.store.list_objects(folder_of(database, recovery_point))}

    def _list_points(self, database: str) -> dict[str, Point]:
        found: dict[str, Point] = {}
        for name, rest in self._objects(database):
            found.setdefault(name, Point(name)).keys.add(f"{database}/{name}/{rest}")
        return dict(sorted(found.items()))

    def _read_manifests(self, database: str, points: list[Point], pool: Pool) -> None:
        keys = {f"{_folder(database, point)}/manifest.json": point for point in points}
        for key, content in self._read_all(list(keys), pool).items():
            try:
                keys[key].brief = _brief(key, content, database, keys[key].recovery_point)
            except (errors.IntegrityError, errors.ConfigError) as error:
                keys[key].untrusted.append(error)

    def _read_verdicts(self, database: str, points: list[Point], pool: Pool) -> None:
        drills = {
            key: (point, key.rpartition("/")[2].removesuffix(".json"))
            for point in points
            for key in sorted(point.keys)
            if VERDICT.fullmatch(key.removeprefix(f"{_folder(database, point)}/"))
        }
        for key, content in self._read_all(list(drills), pool).items():
            point, drill = drills[key]
            try:
                found = self._as_verdict(key, _require(key, content), database, point.recovery_point, drill)
                point.verdicts.append(found.outcome)
            except (errors.IntegrityError, errors.ConfigError) as error:
                point.untrusted.append(error)
        for point in points:
            point.unfinished = _unfinished(database, point, DRILLS)
            point.unfinished_chains = _unfinished(database, point, CHAINS)


def _folder(database: str, point: Point) -> str:
    return f"{database}/{point.recovery_point}"


def _unfinished(database: str, point: Point, folder: str) -> list[str]:
    below = f"{_folder(database, point)}/{folder}/"
    names = {key.removeprefix(below) for key in point.keys if key.startswith(below)}
    drills = {name.partition("/")[0].partition(".")[0] for name in names}
    return sorted(drill for drill in drills if ids.DRILL.fullmatch(drill) and f"{drill}.json" not in names)


def _require(key: str, content: bytes | errors.IntegrityError | None) -> bytes:
    if content is None:
        raise errors.IntegrityError(f"record {key} was deleted just now")
    if isinstance(content, errors.IntegrityError):
        raise content
    return content


def _brief(key: str, content: bytes | errors.IntegrityError | None, database: str, recovery_point: str) -> Brief:
    manifest = parse(key, _require(key, content), Manifest)
    require_same(key, manifest.database, database)
    require_same(key, manifest.recovery_point, recovery_point)
    return Brief(
        manifest.base,
        manifest.method,
        manifest.server.identity,
        manifest.snapshot_at,
        manifest.position,
        sent={manifest.key_of(artifact): artifact.bytes for artifact in manifest.artifacts if not artifact.at},
        reused={manifest.key_of(artifact): artifact.bytes for artifact in manifest.reused},
        shares=any(artifact.content for artifact in manifest.artifacts),
    )
