"""The catalog over all stores: what is where, what is lacking, and which copy is drilled next."""

from __future__ import annotations

import pytest

from include.proven import copies, ids
from include.proven.errors import ConfigError, StoreError
from include.proven.installation import Installation
from tests.catalog.records import POINTS, manifest, verdict
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.swift import Swift

OLD, MIDDLE, NEW = POINTS


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet, swift: Swift) -> FleetFiles:
    files = make_fleet(mariadb_source)
    files.add_swift("near", swift)
    files.add_swift("far", swift)
    return files


@pytest.fixture
def opened(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Open the fleet, its stores empty."""
    opened = files.open(monkeypatch)
    for name in ("swift", "near", "far"):
        opened.store(name).check()
    return opened


def publish(opened: Installation, **stores: list[str]) -> None:
    for name, points in stores.items():
        for point in points:
            opened.catalog("shop", name).publish(manifest("shop", point))


def drilled(opened: Installation, store: str, point: str, drill: str) -> None:
    opened.catalog("shop", store).record_verdict(verdict(point, drill).model_copy(update={"store": store}))


def test_a_recovery_point_is_there_if_any_store_holds_it(opened: Installation) -> None:
    publish(opened, swift=[OLD], near=[OLD, MIDDLE], far=[NEW])
    assert copies.survey(opened, "shop").held == {OLD: ["swift", "near"], MIDDLE: ["near"], NEW: ["far"]}
    assert copies.choose(opened, "shop", "latest") == (NEW, "far")
    assert copies.choose(opened, "shop", MIDDLE) == (MIDDLE, "near")
    assert copies.choose(opened, "shop", "latest", "swift") == (OLD, "swift")
    seen = {copies.choose(opened, "shop", "random")[0] for _ in range(40)}
    assert seen == {OLD, MIDDLE, NEW}


def test_drills_go_round_the_stores_that_hold_the_recovery_point(opened: Installation) -> None:
    publish(opened, swift=[OLD, NEW], near=[OLD, NEW], far=[OLD])
    chosen = []
    for hour in range(4):
        point, store = copies.choose(opened, "shop", "latest")
        chosen.append(store)
        drilled(opened, store, point, f"20261121T0{hour}0000Z-drill-00000000")
    assert chosen == ["swift", "near", "swift", "near"]
    # far has never been drilled: its turn comes with the first recovery point that it holds
    assert copies.choose(opened, "shop", OLD) == (OLD, "far")


def test_a_store_lacks_what_others_hold_since_its_oldest(opened: Installation) -> None:
    publish(opened, swift=[OLD, MIDDLE, NEW], near=[OLD, NEW])
    found = copies.survey(opened, "shop")
    # near lost one in between; far is new, and is not to be filled with the past
    assert found.lacking() == {"near": [MIDDLE], "far": [NEW]}
    publish(opened, near=[MIDDLE], far=[NEW])
    assert copies.survey(opened, "shop").lacking() == {}


def test_nothing_is_lacking_where_nothing_is(opened: Installation) -> None:
    assert copies.survey(opened, "shop").lacking() == {}
    with pytest.raises(ConfigError, match="no recovery point in store swift or near or far"):
        copies.choose(opened, "shop", "latest")


def test_a_store_that_gives_no_answer_is_named_and_the_others_are_believed(
    opened: Installation, files: FleetFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(opened, near=[OLD], far=[NEW])
    files.connections["near"]["password"] = "wrong"
    files.write()
    found = copies.survey(files.open(monkeypatch), "shop")
    assert list(found.silent) == ["near"]
    assert found.held == {NEW: ["far"]}
    assert "near" not in found.lacking()
    del files.connections["near"]
    files.write()
    assert list(copies.survey(files.open(monkeypatch), "shop").silent) == ["near"]


def test_when_no_store_answers_the_first_says_why(
    opened: Installation, files: FleetFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("swift", "near", "far"):
        files.connections[name]["password"] = "wrong"
    files.write()
    with pytest.raises(StoreError, match="401"):
        copies.choose(files.open(monkeypatch), "shop", "latest")


def test_a_store_of_another_database_is_none_of_this_one(opened: Installation) -> None:
    with pytest.raises(ConfigError, match="'fra' is no store of database shop") as caught:
        copies.choose(opened, "shop", "latest", "fra")
    assert caught.value.hint == "Did you mean 'far'?"


def test_a_drill_is_found_in_whichever_store_it_has_left_something(opened: Installation) -> None:
    publish(opened, swift=[OLD, NEW], far=[OLD, NEW])
    drill = ids.new_drill()
    assert copies.find_drill(opened, "shop", drill) is None
    drilled(opened, "far", OLD, drill)
    assert copies.find_drill(opened, "shop", drill) == (OLD, "far")
