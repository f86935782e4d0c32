"""Fixtures of the copies' tests: a fleet with a Swift and a directory."""

from __future__ import annotations

import pathlib

import pytest

from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet, tmp_path: pathlib.Path) -> FleetFiles:
    """A database that goes to the store `swift`; `disk` is another store of the fleet."""
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2)", schema)
    made = make_fleet(mariadb_source, schemas=[schema])
    disk = tmp_path / "disk"
    disk.mkdir()
    made.document["stores"]["disk"] = {"kind": "directory", "path": str(disk)}
    made.write()
    return made


@pytest.fixture
def opened(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The fleet, opened in this process."""
    return files.open(monkeypatch)
