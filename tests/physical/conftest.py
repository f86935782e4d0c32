"""A source of its own, whose whole data directory is backed up, and somebody who writes to it all the time."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import pytest

from include.proven import servers
from include.proven.engines.grants import physical_grants
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer, run_source
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.missing import give_up
from tests.servers.writing import keep_writing

SHOP = """
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60) NOT NULL, UNIQUE (name));
CREATE TABLE orders (
  id BIGINT PRIMARY KEY AUTO_INCREMENT, customer INT, note VARCHAR(200), at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6),
  KEY (customer), CONSTRAINT of_whom FOREIGN KEY (customer) REFERENCES customers (id)
);
CREATE TABLE prices (day DATE, price DECIMAL(10,2)) ENGINE=MyISAM;
CREATE SEQUENCE numbers;
CREATE VIEW recent AS SELECT id, note FROM orders ORDER BY id DESC LIMIT 5;
CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = COALESCE(NEW.note, 'none');
CREATE PROCEDURE count_orders() SELECT COUNT(*) FROM orders;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders WHERE id < 0;
INSERT INTO customers (name) VALUES ('Ada'), ('Grace'), ('Zuse');
INSERT INTO orders (customer, note) SELECT 1 + seq % 3, REPEAT(MD5(seq), 4) FROM seq_1_to_20000;
INSERT INTO prices VALUES ('2026-11-21', 9.50), (NULL, NULL);
CREATE ROLE clerks;
CREATE USER clerk@'10.0.0.%' IDENTIFIED BY 'a clerk''s secret';
GRANT SELECT ON shop.* TO clerks;
GRANT clerks TO clerk@'10.0.0.%';
GRANT INSERT ON shop.orders TO clerk@'10.0.0.%';
"""
WRITE = (
    "INSERT INTO orders (customer) VALUES (1 + {n} % 3); UPDATE orders SET note = '{n}' WHERE id = 1 + {n} * 37 % 20000;"
    " DELETE FROM orders WHERE id = {n} * 13;\n"
)

Writing = Callable[[], contextlib.AbstractContextManager[None]]


@pytest.fixture(scope="session")
def shop(mariadb_path: list[pathlib.Path]) -> Iterator[DatabaseServer]:
    """A MariaDB with a shop, a binary log and a root that has a password; the account may take physical backups."""
    try:
        servers.find_program("mariadb-backup", mariadb_path)
    except ProvenError as error:
        give_up("mariadb-backup", str(error))
    for server in run_source("mariadb", mariadb_path, options=["--log-bin=log", "--server-id=7"]):
        server.sql(SHOP)
        server.sql(physical_grants("proven@'127.0.0.1'", "mariadb"))
        yield server


@pytest.fixture
def files(shop: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    """A fleet whose database `shop` is backed up physically."""
    return make_fleet(shop, method="physical")


@pytest.fixture
def installation(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """That fleet, opened here."""
    return files.open(monkeypatch)


@pytest.fixture
def writing(shop: DatabaseServer) -> Writing:
    """Give a context in which somebody commits as fast as the server takes it."""

    return lambda: keep_writing(shop, "shop", WRITE)
