"""A copy brings what its recovery point refers to, and is whole wherever it stands."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Callable

import pytest

from include.proven import backup, copying, sweeping
from include.proven.errors import ConfigError
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.sabotage.workshop import Workshop
from tests.catalog import records
from tests.copying.points import NAME, put_noise
from tests.copying.test_copy import PART, copy
from tests.servers.fleets import FleetFiles
from tests.servers.s3 import S3
from tests.sweeping.test_sweep import later as later


@pytest.fixture
def pair(opened: Installation) -> tuple[Manifest, Manifest]:
    """Put a recovery point into the store `swift`, and one after it that refers to all that it has."""
    first = put_noise(opened, "swift", 3 * PART, PART)
    reused = [artifact.model_copy(update={"at": first.recovery_point}) for artifact in first.artifacts]
    second = records.manifest("shop", backup.new_id(), artifacts=reused)
    opened.catalog("shop", "swift").publish(second)
    return first, second


@pytest.mark.parametrize("target", ["disk", "s3"])
def test_a_copy_is_whole_without_the_recovery_point_that_it_refers_to(
    target: str, opened: Installation, pair: tuple[Manifest, Manifest], tmp_path: pathlib.Path, later: Callable[..., None]
) -> None:
    first, second = pair
    copied = copy(opened, second.recovery_point, "swift", target)
    assert (copied.sent_bytes, copied.held_bytes) == (3 * PART, 0)
    store = opened.store(target)
    assert [stored.key for stored in store.list_objects("shop")] == [
        f"shop/{first.recovery_point}/{NAME}",
        f"shop/{second.recovery_point}/manifest.json",
        f"shop/{second.recovery_point}/manifest.json.asc",
    ]
    later(hours=7)
    assert sweeping.find(opened, target) == []

    brought = copying.fetch_recovery_point(opened, "shop", second.recovery_point, tmp_path / "brought", store=target)
    file = tmp_path / "brought" / f"{first.recovery_point}.{NAME}"
    assert brought.files[0] == file
    assert hashlib.sha256(file.read_bytes()).hexdigest() == first.artifacts[0].sha256

    again = copy(opened, first.recovery_point, "swift", target)
    assert (again.sent_bytes, again.held_bytes) == (0, 3 * PART)
    assert opened.catalog("shop", target).recovery_points("shop") == [first.recovery_point, second.recovery_point]


def test_a_store_that_lets_objects_go_by_their_age_takes_none_that_refers(
    files: FleetFiles, pair: tuple[Manifest, Manifest], moto: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = {"mode": "governance", "retain": "1s"}
    files.document["stores"]["s3"] |= {"bucket": moto.bucket(lock=True), "object_lock": lock}
    files.document["stores"]["third"] = {**files.document["stores"]["swift"], "container": "third", "expire_after": "30d"}
    files.write()
    opened = files.open(monkeypatch)
    for target in ("s3", "third"):
        with pytest.raises(ConfigError, match=f"store {target} lets these go before it"):
            copy(opened, pair[1].recovery_point, "swift", target)
    copy(opened, pair[0].recovery_point, "swift", "s3")


def test_a_copy_that_is_broken_on_purpose_has_all_objects_itself(
    opened: Installation, pair: tuple[Manifest, Manifest], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "workshop").mkdir()
    workshop = Workshop(opened, "shop", pair[1].recovery_point, "swift", tmp_path / "workshop")
    assert workshop.bring().reused == []
    alone, place = workshop.lay_out()
    catalog = alone.catalog("shop")
    catalog.require_standing(catalog.manifest("shop", pair[1].recovery_point))
    assert (place / f"{pair[0].recovery_point}.{NAME}").stat().st_size == 3 * PART
