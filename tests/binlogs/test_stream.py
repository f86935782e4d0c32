"""A stream brings every committed change to the stores: the pieces are the server's own log, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.proven.binlogs import streaming
from include.proven.catalog.binlogs import Segment
from include.proven.installation import Installation
from tests.binlogs import streams
from tests.servers.databases import DatabaseServer, run_source
from tests.servers.fleets import MakeFleet

TABLE = "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note LONGTEXT)"


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def logging(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """Both flavours with a binary log."""
    path = request.getfixturevalue(f"{request.param}_path")
    for source in run_source(request.param, path, options=streams.OPTIONS[request.param]):
        streams.let_stream(source)
        yield source


@pytest.fixture
def shop(logging: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Give a fleet whose database `shop` has an empty table `orders`, in a log of its own."""
    logging.drop_schemas()
    logging.sql("FLUSH BINARY LOGS")
    logging.sql(f"CREATE DATABASE shop; USE shop; {TABLE}")
    return make_fleet(logging, schemas=["shop"], binlogs={"lag": "1s", "piece": "100 KB"}).open(monkeypatch)


def test_the_pieces_are_the_servers_own_files(shop: Installation, logging: DatabaseServer) -> None:
    streaming.stream(shop, "shop", seconds=0.1)
    first = streams.logs(logging)[-1]
    for number in range(12):
        logging.sql(f"INSERT INTO shop.orders (note) VALUES (REPEAT('{number:02}', 15000))")
    logging.sql("FLUSH BINARY LOGS; INSERT INTO shop.orders (note) VALUES ('in the next file')")
    seen: list[Segment] = []
    done = streaming.stream(shop, "shop", seconds=2.0, on_piece=seen.append)
    assert not done.failed
    found = streams.put_together(shop, logging)
    assert found[first] == streams.log_bytes(logging, first)
    assert len([piece for piece in seen if piece.file == first]) > 3, "100 KB make a piece"
    assert [piece.rotated for piece in seen if piece.file == first][-1]
