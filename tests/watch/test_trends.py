"""Backups of an odd size and transfers that have slowed down, by a database's own history."""

from __future__ import annotations

import dataclasses
import pathlib
import random
from typing import Any

import pytest

from include.proven import errors
from include.proven.catalog import Catalog
from include.proven.demo.keys import DemoKeys
from include.proven.installation import Installation
from include.proven.watch import trends
from include.proven.watch.concern import Finding
from tests.watch import installations

MB = 1_000_000


@dataclasses.dataclass
class Bed:
    """A directory store with recovery points of `shop`."""

    installation: Installation
    folder: pathlib.Path

    def catalog(self) -> Catalog:
        return self.installation.catalog("shop")

    def take(self, *sizes: int, rates: list[float] | None = None, last: int = 0) -> None:
        """Put one recovery point a day, the last of them so many days ago: bytes, and bytes a second of its upload."""
        for back, (size, rate) in enumerate(zip(reversed(sizes), reversed(rates or [MB] * len(sizes)), strict=True)):
            point = installations.point_of(last + back)
            installations.put(self.catalog(), self.folder, point, size, seconds=size / rate)

    def look(self) -> list[Finding]:
        return list(trends.look(self.installation, installations.NOW))


@pytest.fixture
def bed(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> Bed:
    folder = tmp_path / "disk"
    return Bed(installations.install(gpg_home.home, {"disk": installations.directory(folder)}), folder)


def wavering(count: int, middle: float, spread: float = 0.05) -> list[float]:
    """Return so many values around a middle."""
    chance = random.Random(count)
    return [middle * (1 + chance.uniform(-spread, spread)) for _ in range(count)]


def sizes(count: int, middle: float, spread: float = 0.05) -> list[int]:
    """Return so many sizes around a middle."""
    return [round(value) for value in wavering(count, middle, spread)]


def test_a_backup_that_is_suddenly_smaller_is_odd_until_three_are(bed: Bed) -> None:
    before = sizes(8, 20 * MB)
    bed.take(*before, last=4)
    assert bed.look() == []
    bed.take(8 * MB, last=3)
    (found,) = bed.look()
    assert found.key == "backup-size-odd"
    assert "8.0 MB, 60% less than " in found.summary or "8.0 MB, 59% less than " in found.summary
    assert "judged by 8 recovery points" in found.summary
    bed.take(8 * MB, 8 * MB, last=1)
    assert [one.summary for one in bed.look()] == [found.summary]
    bed.take(8 * MB)
    assert bed.look() == []


def test_a_size_that_is_back_is_odd_no_longer(bed: Bed) -> None:
    bed.take(*sizes(8, 20 * MB), 8 * MB, 20 * MB)
    assert bed.look() == []


def test_a_backup_that_is_suddenly_larger_is_odd(bed: Bed) -> None:
    """Encrypted on the source, or loaded twice: what compresses no longer shows in what is stored."""
    bed.take(*sizes(8, 20 * MB), 70 * MB)
    (found,) = bed.look()
    assert "70.0 MB, 3." in found.summary
    assert "times as much as" in found.summary


@pytest.mark.parametrize(
    "course",
    [
        pytest.param([20 * MB] * 4 + [2 * MB], id="too few to judge by"),
        pytest.param([MB * 2**day for day in range(10)], id="doubles each day"),
        pytest.param([*sizes(8, 20000), 60000], id="too small to matter"),
        pytest.param([20 * MB, 5 * MB, 21 * MB, 4 * MB, 19 * MB, 5 * MB, 22 * MB, 4 * MB], id="always wild"),
    ],
)
def test_what_is_usual_is_not_odd(bed: Bed, course: list[int]) -> None:
    bed.take(*course)
    assert bed.look() == []


def test_uploads_that_have_slowed_down(bed: Bed) -> None:
    """One slow one is an accident; two of the last three are not."""
    rates, steady = [*wavering(8, 50 * MB), 20 * MB, 52 * MB, 19 * MB], sizes(11, 100 * MB)
    bed.take(*steady[:9], rates=rates[:9], last=2)
    assert bed.look() == []
    bed.take(*steady[9:], rates=rates[9:])
    (found,) = bed.look()
    assert found.key == "bandwidth-falling/upload"
    assert found.summary.startswith("upload: 20.0 MB/s in the last 3 transfers, usually 48.7 MB/s")


def test_downloads_of_drills_that_have_slowed_down(bed: Bed) -> None:
    bed.take(*sizes(9, 100 * MB))
    point = bed.catalog().recovery_points("shop")[-1]
    for back, rate in enumerate([10 * MB] * 3 + wavering(6, 40 * MB)):
        installations.prove(bed.catalog(), point, back, rto=20.0, size=100 * MB, seconds=100 * MB / rate)
    (found,) = bed.look()
    assert found.key == "bandwidth-falling/download from disk"
    assert "10.0 MB/s in the last 3 transfers, usually 4" in found.summary or "usually 3" in found.summary


def test_small_transfers_say_nothing_and_nothing_is_read(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    bed.take(*sizes(12, MB), rates=[*wavering(9, 50 * MB), MB, MB, MB])

    def read(*_: Any) -> None:
        raise AssertionError("a record was read")

    monkeypatch.setattr(Catalog, "manifest", read)
    assert bed.look() == []


def test_a_manifest_that_was_changed_is_passed_over(bed: Bed) -> None:
    bed.take(*sizes(12, 100 * MB), rates=[*wavering(9, 50 * MB), 20 * MB, 20 * MB, 20 * MB])
    for path in sorted(bed.folder.glob("shop/*/manifest.json"))[-2:]:
        path.write_bytes(path.read_bytes().replace(b'"seconds": 5', b'"seconds": 2'))
    assert bed.look() == []


def test_a_store_that_is_not_there_is_told(bed: Bed) -> None:
    bed.folder.rename(bed.folder.with_name("elsewhere"))
    with pytest.raises(errors.StoreError, match="is not there"):
        bed.look()
