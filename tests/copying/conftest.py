"""Fixtures of the copies' tests: a fleet with a Swift, an S3 and a directory."""

from __future__ import annotations

import pathlib

import pytest

from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.s3 import S3


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet, moto: S3, tmp_path: pathlib.Path) -> FleetFiles:
    """A database that goes to the store `swift`; `s3` and `disk` are other stores of the fleet."""
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2)", schema)
    made = make_fleet(mariadb_source, schemas=[schema])
    disk = tmp_path / "disk"
    disk.mkdir()
    cloud = moto.connection()
    made.connections["s3"] = {"conn_type": "aws", "login": cloud.login, "password": cloud.password, "extra": dict(cloud.extra)}
    made.document["stores"]["s3"] = {"kind": "s3", "connection": "s3", "bucket": moto.bucket()}
    made.document["stores"]["disk"] = {"kind": "directory", "path": str(disk)}
    made.write()
    return made


@pytest.fixture
def opened(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The fleet, opened in this process."""
    return files.open(monkeypatch)
