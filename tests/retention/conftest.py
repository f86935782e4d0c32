"""Beds to prune in: a database in a real store, whose recovery points are signed by a real gpg."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from include.proven import ids
from include.proven.catalog import Catalog
from include.proven.installation import Installation
from include.proven.manifest import Artifact, Part, Position, Server
from include.proven.proof.verdict import Outcome
from tests.catalog import records
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.s3 import S3
from tests.stores.uploading import store_artifact

DUMP = "dump.sql.zst.gpg"
SIZE = 1000


@dataclasses.dataclass
class Bed:
    """A fleet whose database `shop` has its recovery points in one store of the kind that the test wants, or in several."""

    files: FleetFiles
    monkeypatch: pytest.MonkeyPatch

    def open(self) -> Installation:
        return self.files.open(self.monkeypatch)

    def set(self, **retention: Any) -> Installation:
        """Give the database a policy, and open the fleet."""
        self.files.document["databases"]["shop"]["retention"] = {"proven": 1, **retention}
        self.files.write()
        return self.open()

    @property
    def stores(self) -> list[str]:
        found: list[str] = self.files.document["databases"]["shop"]["stores"]
        return found

    def catalog(self, store: str = "") -> Catalog:
        return self.open().catalog("shop", store)

    def put(self, *points: str, proof: Outcome | None = "proven", stores: list[str] | None = None, **manifest: Any) -> None:
        """Store recovery points with an artifact each, and a drill of each."""
        for store in stores or self.stores:
            catalog = self.catalog(store)
            for point in points:
                store_artifact(catalog.store, f"shop/{point}/{DUMP}", b"x" * SIZE)
                said = {"artifacts": [ARTIFACT], "snapshot_at": moment(point), **manifest}
                catalog.publish(records.manifest("shop", point, **said))
                if proof:
                    self.drill(point, proof, store=store)

    def drill(self, point: str, outcome: Outcome, *, store: str = "", at: datetime.datetime | None = None) -> None:
        """Store the verdict of a drill, by default of the moment at which the recovery point was taken."""
        drill = ids.new_drill(now=at or moment(point), run="tests")
        verdict = records.verdict(point, drill).model_copy(update={"outcome": outcome, "store": store or self.stores[0]})
        self.catalog(store).record_verdict(verdict)

    def held(self, store: str = "") -> list[str]:
        return self.catalog(store).recovery_points("shop")

    def everything(self, store: str = "") -> list[str]:
        """Return all that the store has of the database but what tells what was removed."""
        found = [stored.key for stored in self.catalog(store).store.list_objects("shop")]
        return [key for key in found if "/audit/" not in key]


ARTIFACT = Artifact(
    name=DUMP,
    role="dump",
    bytes=SIZE,
    sha256="",
    plain_bytes=SIZE,
    plain_sha256="",
    end_marker="",
    parts=[Part(number=1, bytes=SIZE, sha256="", md5="")],
)


def day(number: int, kind: str = "full") -> str:
    """Return the id of what was taken on that day of October."""
    return f"202510{number:02}T020000Z-{kind}-{number:08}"


def moment(point: str) -> datetime.datetime:
    return ids.started_at(point)


def taken_at(number: int, *, server: str = "x", **position: Any) -> dict[str, Any]:
    """Return what a manifest says of the server on that day, and of its binary log."""
    found = Server(flavour="mariadb", version="10.11.19", identity=server, hostname="db", settings={})
    return {"server": found, "position": Position(**position), "snapshot_at": moment(day(number))}


@pytest.fixture
def bed(mariadb_source: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch) -> Bed:
    """Give a bed on Swift."""
    bed = Bed(make_fleet(mariadb_source), monkeypatch)
    bed.open().store("swift").check()
    return bed


@pytest.fixture
def to_directory(bed: Bed, tmp_path: pathlib.Path) -> Bed:
    """Give the bed on a directory."""
    (tmp_path / "disk").mkdir()
    _move(bed, kind="directory", path=str(tmp_path / "disk"), prefix="backups")
    return bed


@pytest.fixture
def to_s3(bed: Bed) -> Callable[..., Bed]:
    """Give `to_s3(moto, object_lock={…})`: the bed on a bucket of that server."""

    def move(server: S3, **config: Any) -> Bed:
        found = server.connection()
        bed.files.connections["s3"] = {
            "conn_type": "aws",
            "login": found.login,
            "password": found.password,
            "extra": found.extra,
        }
        _move(bed, kind="s3", connection="s3", bucket=server.bucket(lock="object_lock" in config), prefix="backups", **config)
        return bed

    return move


@pytest.fixture(params=["swift", "directory", "s3_swift", "moto"])
def any_bed(bed: Bed, request: pytest.FixtureRequest) -> Bed:
    """Give the bed on each kind of store."""
    if request.param == "swift":
        return bed
    if request.param == "directory":
        found: Bed = request.getfixturevalue("to_directory")
        return found
    moved: Bed = request.getfixturevalue("to_s3")(request.getfixturevalue(request.param))
    return moved


def _move(bed: Bed, **config: Any) -> None:
    bed.files.document["stores"] = {"other": config}
    bed.files.document["databases"]["shop"]["stores"] = ["other"]
    bed.files.write()
