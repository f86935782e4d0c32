"""A drill of the way there: an older recovery point and the binary log give every row of the younger one."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from include.proven import drill, ids
from include.proven.demo.keys import DemoKeys
from include.proven.manifest import Manifest
from include.proven.proof.verdict import Verdict
from tests.binlogs import logged
from tests.binlogs.logged import Logged
from tests.sabotage.yard import SHOP

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
]  # fmt: skip


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def kept(request: pytest.FixtureRequest, gpg_home: DemoKeys) -> Iterator[tuple[Logged, Manifest, Manifest]]:
    """A source with its log in the store, and the recovery points before and after all the changes."""
    path: list[pathlib.Path] = request.getfixturevalue(f"{request.param}_path")
    with logged.running(request.param, path, gpg_home) as made:
        made.sql("CREATE DATABASE shop; USE shop;" + SHOP)
        older = made.back_up()
        for change in CHANGES:
            made.sql(change)
        younger = made.back_up()
        made.sql("INSERT INTO annex.bricks VALUES (8)")
        made.ship()
        yield made, older, younger


def try_way(made: Logged, older: Manifest, younger: Manifest) -> Verdict:
    point = younger.recovery_point
    asked = drill.Drill(ids.new_drill(), "shop", point, "disk", "local", via=older.recovery_point)
    return drill.run(made.opened, asked)


def test_the_older_one_and_the_log_are_the_younger_one(kept: tuple[Logged, Manifest, Manifest]) -> None:
    verdict = try_way(*kept)
    assert verdict.outcome == "proven", (verdict.reason, [check for check in verdict.checks if check.outcome != "pass"])
