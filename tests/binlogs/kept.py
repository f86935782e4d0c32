"""Fixtures `kept` (a source whose log is in the store, between two recovery points) and `twin` (a server to restore to)."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Iterator

import pytest

from include.proven.demo.keys import DemoKeys
from include.proven.manifest import Manifest
from tests.binlogs import logged
from tests.binlogs.logged import Logged
from tests.sabotage.yard import SHOP
from tests.servers.databases import DatabaseServer, run_source

CHANGES = [
    "INSERT INTO shop.orders (customer, total) VALUES (1, 5), (2, 6); DELETE FROM shop.orders WHERE id = 1;"
    "UPDATE shop.customers SET mood = 'ünï 💥 \\\\ \\n', photo = 0x00FF0A0D1A WHERE id = 2",
    "CREATE TABLE shop.letters (id INT PRIMARY KEY AUTO_INCREMENT, body LONGTEXT); START TRANSACTION;"
    "INSERT INTO shop.letters (body) VALUES (REPEAT('x', 300000)), (NULL);"
    "INSERT INTO shop.products VALUES (3, 'lamp', 9); COMMIT",
    "FLUSH BINARY LOGS; DROP TABLE shop.visits; ALTER TABLE shop.products ADD COLUMN colour VARCHAR(9) DEFAULT 'red'",
    "CREATE TRIGGER shop.more AFTER INSERT ON shop.letters FOR EACH ROW UPDATE shop.products SET price = price + 1;"
    "INSERT INTO shop.letters (body) VALUES ('dear')",
    "CREATE USER clerk@localhost IDENTIFIED BY 'writes'; GRANT INSERT, UPDATE (price) ON shop.products TO clerk@localhost",
    "FLUSH BINARY LOGS; CREATE DATABASE annex; CREATE TABLE annex.bricks (id INT PRIMARY KEY);"
    "INSERT INTO annex.bricks VALUES (7)",
    "CREATE VIEW annex.cheap AS SELECT * FROM shop.products WHERE price < 50; DROP PROCEDURE shop.forget;"
    "CREATE EVENT annex.sweep ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM annex.bricks",
]
GTID = {"mariadb": "SELECT @@last_gtid", "mysql": "SELECT REGEXP_SUBSTR(@@gtid_executed, '[0-9]+$')"}


@dataclasses.dataclass
class Kept:
    """What was done to a source, and what of it is asked for."""

    logged: Logged
    older: Manifest
    """Before all changes."""
    younger: Manifest
    """Behind all of them."""
    moment: datetime.datetime
    """The second in which the bricks were 7, 10 and 11."""
    gtid: str
    """Of the transaction that brought brick 10."""


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def kept(request: pytest.FixtureRequest, gpg_home: DemoKeys) -> Iterator[Kept]:
    """A source with its log in the store, and the recovery points before and behind all the changes."""
    path: list[pathlib.Path] = request.getfixturevalue(f"{request.param}_path")
    with logged.running(request.param, path, gpg_home) as made:
        made.sql("CREATE DATABASE shop; USE shop;" + SHOP)
        older = made.back_up()
        for change in CHANGES:
            made.sql(change)
        ten = made.sql("INSERT INTO annex.bricks VALUES (10);" + GTID[request.param])[0][0]
        gtid = ten if request.param == "mariadb" else f"{older.server.identity}:{ten}"
        made.sql("INSERT INTO annex.bricks VALUES (11)")
        moment = made.now()
        made.next_second()
        made.sql("INSERT INTO annex.bricks VALUES (12)")
        younger = made.back_up()
        made.sql("INSERT INTO annex.bricks VALUES (13)")
        made.next_second()
        made.ship()
        yield Kept(made, older, younger, moment, gtid)


@pytest.fixture(scope="module")
def twin(kept: Kept) -> Iterator[DatabaseServer]:
    """A server of the same flavour, which the fleet knows as the connection `twin`."""
    for server in run_source(kept.logged.source.flavour, kept.logged.source.path):
        there = {"unix_socket": server.admin["socket"]}
        kept.logged.files.connections["twin"] = {"conn_type": "mysql", "login": "root", "extra": there}
        kept.logged.files.write()
        yield server
