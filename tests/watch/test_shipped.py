"""A binary log that nobody ships is told of, though nothing has failed."""

from __future__ import annotations

import datetime
import pathlib

import pytest

from include.proven import errors
from include.proven.catalog import Catalog
from include.proven.catalog.binlogs import Segment
from include.proven.demo.keys import DemoKeys
from include.proven.installation import Installation
from include.proven.manifest import Artifact
from include.proven.watch import shipped
from tests.watch import installations

MINUTE = datetime.timedelta(minutes=1)


def look(installation: Installation) -> list[tuple[str, str]]:
    """Return key and summary of what is found."""
    return [(found.key, found.summary) for found in shipped.look(installation, installations.NOW)]


def ship(catalog: Catalog, age: datetime.timedelta, start: int = 0) -> Segment:
    """Publish the record of a piece that is complete to so long ago."""
    artifact = Artifact(
        name=f"{start:012}-00000000.binlog.zst.gpg", role="binlog", bytes=1, sha256="", plain_bytes=1, plain_sha256="",
        end_marker="", parts=[],
    )  # fmt: skip
    piece = Segment(
        database="shop", server="uid/1", file="mysql-bin.000001", start=start, end=start + 1, rotated=False,
        first_event_at=None, last_event_at=None, complete_to=installations.NOW - age, artifact=artifact,
    )  # fmt: skip
    catalog.publish_segment(piece)
    return piece


def test_whose_log_is_not_asked_for_is_never_late(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> None:
    installation = installations.install(gpg_home.home, {"one": installations.directory(tmp_path / "one")})
    installations.put(installation.catalog("shop"), tmp_path / "one", installations.point_of(5), 1)
    assert look(installation) == []


def test_the_newest_piece_of_any_store_counts(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> None:
    stores = {name: installations.directory(tmp_path / name) for name in ("one", "two")}
    installation = installations.install(gpg_home.home, stores, binlogs={"lag": "2m"})
    one, two = (installation.catalog("shop", name) for name in stores)

    assert look(installation) == [], "there is nothing yet that a log could be added to"
    installations.put(one, tmp_path / "one", installations.point_of(1), 1)
    missing = "the binary log is in no store, and the newest recovery point is 24 h 00 min old; promised: 2 min 00 s"
    assert look(installation) == [("binlogs-late", missing)]
    ship(one, 12 * MINUTE)
    late = "the binary log is complete to 12 min 00 s ago; promised: 2 min 00 s"
    assert look(installation) == [("binlogs-late", late)]
    ship(two, 11 * MINUTE, start=1)
    assert look(installation) == [], "three times the lag, and five minutes"


def test_a_piece_that_can_not_be_trusted_is_no_answer(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> None:
    store = {"one": installations.directory(tmp_path / "one")}
    installation = installations.install(gpg_home.home, store, binlogs={})
    installations.put(installation.catalog("shop"), tmp_path / "one", installations.point_of(1), 1)
    record = tmp_path / "one" / ship(installation.catalog("shop"), MINUTE).name.path
    record.write_text(record.read_text().replace("uid/1", "uid/2"))
    with pytest.raises(errors.IntegrityError, match="signature"):
        look(installation)
