"""A fleet on a directory store, with two good recovery points of a small database that holds every kind of object."""

from __future__ import annotations

import dataclasses
import pathlib
import secrets
from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from include.proven import backup, drill, ids
from include.proven.installation import Installation
from include.proven.sabotage import exercise
from include.proven.sabotage.exercise import Finding, Order
from include.proven.sabotage.ways import Way
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import RECIPIENTS, FleetFiles
from tests.servers.pager import ROUTING_KEY, Pager

SHOP = """
CREATE TABLE customers (
  id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL, mood VARCHAR(40), photo VARBINARY(16),
  seen TIMESTAMP NOT NULL DEFAULT '2024-06-01 12:00:00', UNIQUE KEY by_name (name)
) DEFAULT CHARSET=utf8mb4;
INSERT INTO customers (name, mood, photo, seen) VALUES
  ('Zoë', 'happy 😀', 0x00FF10, '2024-03-31 00:30:00'), ('O''Neill; (x), y', NULL, NULL, '2024-01-01 00:00:00'),
  ('back\\\\slash', 'line\\nbreak', 0x01, '2023-07-01 08:00:00');
CREATE TABLE orders (
  id INT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, total DECIMAL(8,2) NOT NULL,
  twice DECIMAL(9,2) AS (total * 2) STORED,
  CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id)
);
INSERT INTO orders (customer, total) VALUES (1, 9.50), (1, 3.20), (2, 12.00), (3, 0.99);
CREATE TABLE products (id INT PRIMARY KEY, name VARCHAR(40), price DECIMAL(8,2), KEY by_price (price)) DEFAULT CHARSET=utf8mb4;
INSERT INTO products VALUES (1, 'chair', 30), (2, 'table', 80);
CREATE TABLE visits (day DATE, count INT) ENGINE=MyISAM;
INSERT INTO visits VALUES ('2024-01-01', 3), ('2024-01-02', 5);
CREATE VIEW spent AS SELECT customer, SUM(total) AS total FROM orders GROUP BY customer;
CREATE FUNCTION net(gross DECIMAL(8,2)) RETURNS DECIMAL(8,2) DETERMINISTIC RETURN gross / 1.19;
CREATE PROCEDURE forget(IN which INT) DELETE FROM visits WHERE count < which;
CREATE TRIGGER positive BEFORE INSERT ON orders FOR EACH ROW SET NEW.total = ABS(NEW.total);
CREATE TRIGGER positive_too BEFORE UPDATE ON orders FOR EACH ROW SET NEW.total = ABS(NEW.total);
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM visits WHERE day < '2020-01-01';
"""


@dataclasses.dataclass
class Yard:
    """A fleet, its source and its pager."""

    files: FleetFiles
    source: DatabaseServer
    schema: str
    pager: Pager
    opened: Installation
    store: pathlib.Path
    """The directory that is the real store."""

    def order(self, *ways: Way, **changes: object) -> Order:
        """Return an order to break the latest recovery point."""
        point = self.opened.catalog("shop").recovery_points("shop")[-1]
        order = Order("shop", point, "disk", "local", ways, "tests")
        return dataclasses.replace(order, **changes)  # type: ignore[arg-type]

    def stored(self) -> dict[str, bytes]:
        """Return every file of the store, so that before and after can be compared."""
        return {
            str(file.relative_to(self.store)): file.read_bytes() for file in sorted(self.store.rglob("*")) if file.is_file()
        }

    @property
    def sandboxes(self) -> pathlib.Path:
        """The local sandbox's directory."""
        return pathlib.Path(self.files.document["sandboxes"]["local"]["directory"])


def fill(source: DatabaseServer) -> tuple[str, str]:
    """Make a schema of every kind of object, and an account; return both names."""
    schema = source.fresh_schema("shop")
    source.sql(SHOP, schema)
    account = f"reader_{secrets.token_hex(3)}@localhost"
    source.sql(f"CREATE USER {account} IDENTIFIED BY 'only-reads'; GRANT SELECT ON `{schema}`.* TO {account}")
    return schema, account


def write_fleet(
    folder: pathlib.Path, source: DatabaseServer, schema: str, home: pathlib.Path, sandboxes: pathlib.Path, pager: Pager
) -> FleetFiles:
    """Write a fleet with one database, a directory store and a local sandbox; `cloud` is a sandbox that can't be used."""
    for name in ("disk", "scratch"):
        (folder / name).mkdir()
    server = {key: source.endpoint[key] for key in ("host", "port", "password")}
    connections: dict[str, dict[str, Any]] = {
        "source": {"conn_type": "mysql", "login": source.endpoint["user"], **server},
        "pager": {"conn_type": "http", "password": ROUTING_KEY},
    }
    document: dict[str, Any] = {
        "version": 1,
        "spread": None,
        "gnupg": {"home": str(home), "recipients": RECIPIENTS, "signer": RECIPIENTS[0]},
        "tools": [str(path) for path in source.path],
        "stores": {"disk": {"kind": "directory", "path": str(folder / "disk")}},
        "sandboxes": {
            "local": {"kind": "local", "directory": str(sandboxes)},
            "cloud": {
                "kind": "nova",
                "connection": "nowhere",
                "network": "n",
                "images": {"mariadb-10.11": "debian-12"},
                "sizes": ["small"],
            },
        },
        "pages": {"routes": {"oncall": {"kind": "pagerduty", "connection": "pager", "endpoint": pager.url}}},
        "databases": {
            "shop": {
                "connection": "source",
                "engine": source.flavour,
                "schedule": None,
                "objectives": {"rpo": "26h", "rto": "1h"},
                "stores": ["disk"],
                "sandbox": "local",
                "schemas": [schema],
                "owner": "tests",
                "contacts": ["oncall"],
            }
        },
    }
    files = FleetFiles(folder, document, connections, home, "", folder / "scratch")
    files.write()
    return files


def take_two(opened: Installation) -> None:
    """Take two recovery points, each of them proven."""
    for _ in range(2):
        point = backup.take_backup(opened, "shop", backup.new_id()).manifest.recovery_point
        verdict = drill.run(opened, drill.Drill(ids.new_drill(), "shop", point, "disk", "local"))
        assert verdict.outcome == "proven", verdict.reason


def each(ways: Iterable[Way]) -> list[ParameterSet]:
    """Return ways as parameters of a test, each marked with the public failure that it is."""
    return [pytest.param(way, marks=pytest.mark.failure(way.failure), id=way.name) for way in ways]


def require_noticed(finding: Finding) -> None:
    """Fail unless a sabotage was noticed for the right reason."""
    assert finding.state == "noticed", exercise.describe(finding)
    assert finding.thing
    assert finding.cause
