"""Sources that keep a binary log, and the fleet of one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.proven.installation import Installation
from tests.binlogs import streams
from tests.binlogs.chained import chained, cloned
from tests.binlogs.kept import kept, twin
from tests.servers.databases import DatabaseServer, run_source
from tests.servers.fleets import FleetFiles, MakeFleet

__all__ = ["chained", "cloned", "kept", "twin"]
TABLE = "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note LONGTEXT)"


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def logging(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """Both flavours with a binary log."""
    path = request.getfixturevalue(f"{request.param}_path")
    for source in run_source(request.param, path, options=streams.OPTIONS[request.param]):
        streams.let_stream(source)
        yield source


@pytest.fixture
def files(logging: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    """Give a fleet whose database `shop` has an empty table `orders`, in a log of its own."""
    logging.drop_schemas()
    logging.sql("FLUSH BINARY LOGS")
    logging.sql(f"CREATE DATABASE shop; USE shop; {TABLE}")
    return make_fleet(logging, schemas=["shop"], binlogs={"lag": "1s", "piece": "100 KB"})


@pytest.fixture
def shop(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Open it."""
    return files.open(monkeypatch)
