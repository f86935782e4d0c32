"""A fleet with one database and a first store; each test adds its second."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.swift import Swift

ORDERS = """
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(40));
INSERT INTO orders (note) VALUES ('first'), (NULL), ('');
"""


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    """Give a fleet whose database `shop` has the store `swift`."""
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql(ORDERS, schema)
    return make_fleet(mariadb_source, schemas=[schema])


@pytest.fixture(scope="session")
def other_swift(start_swift: Callable[..., Swift], swift: Swift) -> Swift:
    """Run a second Swift, which knows nothing of the first."""
    return start_swift()
