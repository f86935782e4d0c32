"""What a recovery point refers to stays as long as it does, whoever backs up, copies, prunes, sweeps or dies in between."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Iterable

import hypothesis
import pytest
from hypothesis import strategies as st

from include.proven import ids, reuse, sweeping
from include.proven.catalog import Catalog
from include.proven.demo.keys import DemoKeys
from include.proven.encryption.keyring import Keyring
from include.proven.errors import IntegrityError, StoreError
from include.proven.fleet import model
from include.proven.manifest import Artifact, Manifest
from include.proven.retention import planning, pruning
from include.proven.stores.directory import DirectoryStore
from tests.catalog import records
from tests.retention.conftest import Bed, day, moment
from tests.servers.fleets import RECIPIENTS
from tests.stores.uploading import describe, store_artifact
from tests.sweeping.test_sweep import later as later

TABLES = ("orders", "items", "people")
READERS = ["A" * 40]


@dataclasses.dataclass
class Source:
    """A database of three tables: how often each was changed."""

    versions: dict[str, int] = dataclasses.field(default_factory=lambda: dict.fromkeys(TABLES, 0))

    def artifacts(self, known: reuse.Known) -> list[tuple[Artifact, bytes]]:
        """Return what a backup consists of, with the rows that it sends."""
        found = []
        for table, version in self.versions.items():
            content = f"{table}-{version}"
            if content in known:
                found.append((Artifact.model_validate(known[content]), b""))
            else:
                found.append((rows_of(table, content), content.encode()))
        return found


def rows_of(table: str, content: str) -> Artifact:
    return Artifact(
        name=f"rows.{table}.sql.zst.gpg",
        role="rows",
        tables=[table],
        content=content,
        bytes=len(content),
        sha256="",
        plain_bytes=len(content),
        plain_sha256="",
        end_marker="",
        parts=[describe(1, content.encode())],
    )


def begin(catalogs: Iterable[Catalog], point: str) -> reuse.Known:
    """Do what a backup does before it sends anything."""
    for catalog in catalogs:
        catalog.mark("shop", point)
    return reuse.find_known(list(catalogs), "shop", point, READERS)


def finish(catalogs: Iterable[Catalog], point: str, source: Source, known: reuse.Known) -> Manifest:
    """Send what is not known, and publish."""
    made = source.artifacts(known)
    manifest = records.manifest(
        "shop", point, artifacts=[one for one, _ in made], recipients=READERS, snapshot_at=moment(point)
    )
    for catalog in catalogs:
        for artifact, content in made:
            if not artifact.at:
                store_artifact(catalog.store, manifest.key_of(artifact), content)
        catalog.require_standing(manifest)
        catalog.publish(manifest)
        catalog.unmark("shop", point)
    return manifest


def back_up(catalogs: Iterable[Catalog], point: str, source: Source) -> Manifest:
    return finish(catalogs, point, source, begin(catalogs, point))


def briefs_of(catalog: Catalog) -> dict[str, object]:
    return {name: point.brief for name, point in catalog.standing("shop", None).points.items()}


def require_whole(catalog: Catalog) -> None:
    """Fail unless every recovery point could be restored: all that it names stands, with what was sent."""
    for point in catalog.recovery_points("shop"):
        manifest = catalog.manifest("shop", point)
        for artifact in manifest.artifacts:
            assert catalog.store.read_start(manifest.key_of(artifact), 100) == artifact.content.encode(), (point, artifact.name)


class World:
    """A database, two stores, and what may happen to them in any order."""

    def __init__(self, folder: pathlib.Path, keyring: Keyring) -> None:
        self.source, self.number = Source(), 1
        self.under_way: dict[str, tuple[reuse.Known, Source]] = {}
        self.catalogs = []
        for name in ("here", "there"):
            (folder / name).mkdir()
            config = model.DirectoryStore(kind="directory", path=folder / name)
            self.catalogs.append(Catalog(DirectoryStore(name, config), keyring))

    def change(self, which: int) -> None:
        self.source.versions[TABLES[which % len(TABLES)]] += 1

    def begin(self, which: int) -> None:
        self.number += 1
        point = day(self.number)
        known = begin(self.catalogs, point)
        self.under_way[point] = known, Source(dict(self.source.versions))

    def finish(self, which: int) -> None:
        if self.under_way:
            point = sorted(self.under_way)[which % len(self.under_way)]
            known, source = self.under_way.pop(point)
            # of two stores one may be left behind
            finish(self.catalogs[: 1 + which % 2], point, source, known)
            for catalog in self.catalogs[1 + which % 2 :]:
                catalog.discard("shop", point)

    def give_up(self, which: int) -> None:
        if self.under_way:
            point = sorted(self.under_way)[which % len(self.under_way)]
            del self.under_way[point]
            for catalog in self.catalogs:
                catalog.discard("shop", point)

    def copy(self, which: int) -> None:
        source, target = self.catalogs if which % 2 else self.catalogs[::-1]
        points = source.recovery_points("shop")
        if points:
            signed = source.signed_manifest("shop", points[which % len(points)])
            with target.marked("shop", signed.manifest.recovery_point):
                there = {stored.key for stored in target.store.list_objects("shop")}
                for artifact in signed.manifest.artifacts:
                    if (key := signed.manifest.key_of(artifact)) not in there:
                        store_artifact(target.store, key, artifact.content.encode())
                target.require_standing(signed.manifest)
                target.copy_manifest(signed)

    def remove(self, which: int) -> None:
        catalog = self.catalogs[which % 2]
        briefs = briefs_of(catalog)
        if briefs:
            catalog.remove("shop", sorted(briefs)[which % len(briefs)], briefs)  # type: ignore[arg-type]

    def die_removing(self, which: int) -> None:
        catalog = self.catalogs[which % 2]
        if points := catalog.recovery_points("shop"):
            catalog._delete(f"shop/{points[which % len(points)]}/manifest.json")

    def refute(self, which: int) -> None:
        catalog = self.catalogs[which % 2]
        if points := catalog.recovery_points("shop"):
            verdict = records.verdict(points[which % len(points)], ids.new_drill(run=f"{which}"))
            catalog.record_verdict(verdict.model_copy(update={"outcome": "refuted"}))

    def sweep(self, which: int = 0) -> None:
        for catalog in self.catalogs:
            for point in catalog.incomplete("shop"):
                catalog.clear_abandoned("shop", point)


HAPPENINGS = [World.change, World.begin, World.begin, World.finish, World.finish, World.give_up, World.copy, World.remove]
HAPPENINGS += [World.die_removing, World.refute, World.sweep]


@pytest.fixture(scope="module")
def keyring(gpg_home: DemoKeys) -> Keyring:
    return Keyring(model.GnuPG(home=gpg_home.home, recipients=RECIPIENTS, signer=RECIPIENTS[0]))


@hypothesis.settings(max_examples=20, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, 9)), min_size=6, max_size=14))
def test_every_recovery_point_stays_whole_whatever_happens(
    keyring: Keyring, happenings: list[tuple[Callable[[World, int], None], int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(pathlib.Path(folder), keyring)
        back_up(world.catalogs, day(1), world.source)
        for happen, which in happenings:
            happen(world, which)
            for catalog in world.catalogs:
                require_whole(catalog)
        while world.under_way:
            world.finish(1)
        for catalog in world.catalogs:
            require_whole(catalog)
            for point in catalog.recovery_points("shop"):
                catalog.remove("shop", point, briefs_of(catalog))  # type: ignore[arg-type]
        world.sweep()
        for catalog in world.catalogs:
            assert list(catalog.store.list_objects("shop")) == [], "what nobody refers to any more goes"


def prune(bed: Bed) -> pruning.Outcome:
    """Prune, after the plan has foretold what that frees."""
    plan = planning.make_plan(bed.set(keep_last=1), "shop")
    outcome = pruning.apply(bed.open(), plan, asked_by="tests")
    assert (outcome.freed, outcome.changed) == (plan.freed, [])
    return outcome


def test_rows_that_are_referred_to_outlive_their_recovery_point_and_go_with_the_last(
    any_bed: Bed, later: Callable[..., None]
) -> None:
    bed, source, catalog = any_bed, Source(), any_bed.catalog()
    first = back_up([catalog], day(1), source)
    bed.drill(day(1), "proven")
    source.versions["orders"] += 1
    second = back_up([catalog], day(2), source)
    assert sorted(second.elsewhere.values()) == [f"shop/{day(1)}/rows.{table}.sql.zst.gpg" for table in ("items", "people")]
    bed.drill(day(2), "proven")

    outcome = prune(bed)
    assert (outcome.points, outcome.freed) == ({day(1)}, first.artifacts[0].bytes)
    assert [key for key in bed.everything() if day(1) in key] == sorted(second.elsewhere.values())
    require_whole(catalog)
    assert (bed.held(), catalog.standing("shop", None).half_made) == ([day(2)], [])
    later(hours=7)
    assert sweeping.find(bed.open(), bed.stores[0]) == [], "what is needed is nobody's leftover"

    source.versions = {table: version + 1 for table, version in source.versions.items()}
    assert back_up([catalog], day(3), source).reused == []
    bed.drill(day(3), "proven")
    assert prune(bed).freed == sum(artifact.bytes for artifact in second.artifacts)
    assert {key.split("/")[1] for key in bed.everything()} == {day(3)}
    assert catalog.store.list_uploads("shop") == []


def test_what_is_being_made_keeps_what_it_may_refer_to(bed: Bed, later: Callable[..., None]) -> None:
    catalog, source = bed.catalog(), Source()
    back_up([catalog], day(1), source)
    known = begin([catalog], day(2))
    catalog.remove("shop", day(1), {})
    finish([catalog], day(2), source, known)
    require_whole(catalog)

    begin([catalog], day(3))
    catalog.remove("shop", day(2), {})
    (rest, begun) = sweeping.find(bed.open(), "swift")
    assert (rest.folder, rest.objects, rest.state, begun.folder) == (f"shop/{day(1)}", 3, "under way", f"shop/{day(3)}")
    later(hours=7)
    # the backup is dead by now: it goes first, and nothing else may be what it refers to
    assert [(found.folder, found.state) for found in sweeping.find(bed.open(), "swift")] == [
        (f"shop/{day(1)}", "under way"),
        (f"shop/{day(3)}", "left"),
    ]
    assert catalog.discard("shop", day(3)) == 1
    (rest,) = sweeping.find(bed.open(), "swift")
    assert (rest.state, sweeping.remove(bed.open(), rest)) == ("left", 6)
    assert bed.everything() == []


def test_nothing_is_published_over_a_hole(bed: Bed) -> None:
    catalog, source = bed.catalog(), Source()
    back_up([catalog], day(1), source)
    known = begin([catalog], day(2))
    catalog.store.delete_artifact(f"shop/{day(1)}/rows.items.sql.zst.gpg")
    with pytest.raises(IntegrityError, match=r"rows\.items\.sql\.zst\.gpg is missing"):
        finish([catalog], day(2), source, known)
    assert set(begin([catalog], day(3))) == {"orders-0", "people-0"}, "what is gone is sent again"
    catalog.unmark("shop", day(3))
    with pytest.raises(StoreError, match="begun is gone from store swift"):
        catalog.require_standing(records.manifest("shop", day(3), artifacts=[rows_of("orders", "orders-0"), *_known(known)]))


def _known(known: reuse.Known) -> list[Artifact]:
    return [Artifact.model_validate(one) for one in known.values()]


def test_what_was_refuted_or_others_could_read_is_sent_again(bed: Bed) -> None:
    catalog, source = bed.catalog(), Source()
    back_up([catalog], day(1), source)
    source.versions["orders"] += 1
    back_up([catalog], day(2), source)
    assert set(reuse.find_known([catalog], "shop", day(3), READERS)) == {"orders-1", "items-0", "people-0"}
    assert reuse.find_known([catalog], "shop", day(3), [*READERS, "B" * 40]) == {}
    bed.drill(day(2), "refuted")
    assert set(reuse.find_known([catalog], "shop", day(3), READERS)) == {"orders-0"}, "which of its objects is bad nobody knows"
