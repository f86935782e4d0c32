"""The history of a database holds what was proven before, newest first, and nothing that somebody else has written."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from include.proven import errors, ids
from include.proven.catalog import Catalog
from include.proven.encryption.keyring import Keyring
from include.proven.fleet import model
from include.proven.proof.verdict import Outcome, Step
from include.proven.stores.directory import DirectoryStore
from tests.catalog.records import manifest, verdict
from tests.proof.histories import taken

DAYS = [taken(day).recovery_point for day in range(8)]
NOW = DAYS[-1]


@pytest.fixture
def catalog(tmp_path: pathlib.Path, keyring: Keyring) -> Catalog:
    return Catalog(DirectoryStore("disk", model.DirectoryStore(kind="directory", path=tmp_path, prefix="")), keyring)


def put(catalog: Catalog, day: int, *outcomes: Outcome) -> list[pathlib.Path]:
    """Publish the recovery point of a day with such verdicts, oldest first, and return where they lie."""
    catalog.publish(manifest("shop", DAYS[day]))
    drills = [f"2026112{number}T120000Z-drill-00000000" for number in range(len(outcomes))]
    for drill, outcome in zip(drills, outcomes, strict=True):
        catalog.record_verdict(verdict(DAYS[day], drill).model_copy(update={"outcome": outcome}))
    return [pathlib.Path("shop", DAYS[day], "drills", f"{drill}.json") for drill in drills]


def days(catalog: Catalog, *most: int) -> list[int]:
    return [DAYS.index(one.recovery_point) for one in catalog.proven_before("shop", NOW, *most).manifests]


def test_what_was_proven_before_comes_newest_first(catalog: Catalog) -> None:
    put(catalog, 0, "proven")
    put(catalog, 1)
    put(catalog, 2, "unproven")
    put(catalog, 3, "refuted")
    put(catalog, 4, "refuted", "proven", "unproven")
    put(catalog, 5, "proven")
    put(catalog, 7, "proven")
    catalog.record_verdict(verdict(DAYS[6]).model_copy(update={"outcome": "proven"}))  # of what retention has deleted
    assert days(catalog) == [5, 4, 0]
    assert days(catalog, 2) == [5, 4]
    assert catalog.proven_before("shop", DAYS[0]).manifests == []
    assert catalog.proven_before("ods", NOW).manifests == []


def test_evidence_of_a_drill_that_runs_is_no_verdict(catalog: Catalog) -> None:
    put(catalog, 0)
    catalog.record_evidence("shop", DAYS[0], ids.new_drill(), Step(name="build", outcome="done"))
    assert days(catalog) == []


@pytest.mark.parametrize("file", ["verdict", "manifest"])
@pytest.mark.parametrize("damage", ["flipped", "unsigned", "nonsense"])
def test_records_that_somebody_has_touched_are_passed_over_and_named(
    catalog: Catalog, keyring: Keyring, tmp_path: pathlib.Path, file: str, damage: str
) -> None:
    put(catalog, 0, "proven")
    (lies,) = put(catalog, 1, "proven")
    path = tmp_path / (lies if file == "verdict" else lies.parents[1] / "manifest.json")
    signature = path.with_name(f"{path.name}.asc")
    if damage == "flipped":
        path.write_bytes(path.read_bytes().replace(b"shop", b"ship"))
    elif damage == "unsigned":
        signature.unlink()
    else:
        path.write_bytes(b'{"format": 2}')
        signature.write_bytes(keyring.sign(path.read_bytes()))
    found = catalog.proven_before("shop", NOW)
    assert [one.recovery_point for one in found.manifests] == [DAYS[0]]
    assert found.untrusted == [DAYS[1]]
    assert DAYS[1] in found.not_covered[0]


def test_a_green_verdict_on_a_refuted_one_is_not_believed(catalog: Catalog, tmp_path: pathlib.Path) -> None:
    (lies,) = put(catalog, 1, "refuted")
    path = tmp_path / lies
    path.write_bytes(path.read_bytes().replace(b"refuted", b"proven"))
    assert days(catalog) == []


def test_a_store_that_gives_no_answer_is_an_error(catalog: Catalog, tmp_path: pathlib.Path) -> None:
    put(catalog, 0, "proven")
    tmp_path.rename(tmp_path.with_name("gone"))
    with pytest.raises(errors.StoreError):
        catalog.proven_before("shop", NOW)


class Counting(DirectoryStore):
    """A directory that counts what is asked of it."""

    lists = reads = 0

    def list_objects(self, folder: str) -> Any:
        self.lists += 1
        return super().list_objects(folder)

    def get_record(self, key: str) -> bytes:
        self.reads += 1
        return super().get_record(key)


def test_no_more_is_read_than_is_asked_for(tmp_path: pathlib.Path, keyring: Keyring) -> None:
    """One listing, and of each recovery point its newest verdict and its manifest, each with a signature."""
    store = Counting("disk", model.DirectoryStore(kind="directory", path=tmp_path, prefix=""))
    catalog = Catalog(store, keyring)
    for day in range(6):
        put(catalog, day, "unproven", "proven")
    store.lists = store.reads = 0
    assert days(catalog, 1) == [5]
    assert (store.lists, store.reads) == (1, 4)
    assert len(days(catalog, 4)) == 4
    assert (store.lists, store.reads) == (2, 4 + 16)
