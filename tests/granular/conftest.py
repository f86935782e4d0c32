"""A shop in which much looks like a dump's own headings, its recovery point, and a server to which an operator restores."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable

import pytest

from include.proven import backup
from include.proven.agent.protocol import Endpoint
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet

ODD = "a\nb `c`"
"""Name of a table with a line break, a space and backticks."""
SHOP = """
CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(99));
INSERT INTO customers VALUES (1, 'Ann'), (2, 'a\\n-- Table structure for table `orders`\\n');
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT, note TEXT, b LONGBLOB,
  twice INT AS (customer * 2) VIRTUAL, FOREIGN KEY (customer) REFERENCES customers (id));
INSERT INTO orders (customer, note, b) VALUES (1, 'x\\nDELIMITER ;\\n-- Table structure for table `customers`\\n', '\\n--\\n'),
  (2, '`', X'00FF'), (2, NULL, NULL);
CREATE TABLE `a
b ``c``` (`x
-- Table structure for table ``orders``y` INT, z INT COMMENT 'l
-- Table structure for table `orders`
');
INSERT INTO `a
b ``c``` VALUES (1, 2);
CREATE VIEW spent AS SELECT c.name, COUNT(*) AS n FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.name;
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders WHERE id < 0;
DELIMITER $$
CREATE TRIGGER noted /* ON customers */ BEFORE INSERT ON orders FOR EACH ROW BEGIN
-- Table structure for table `customers`
/*
DELIMITER ;
-- Table structure for table `customers`
*/
SET NEW.note = CONCAT(COALESCE(NEW.note, ''), '
DELIMITER ;
-- Dumping data for table `customers`
');
END$$
CREATE TRIGGER named BEFORE INSERT ON customers FOR EACH ROW SET NEW.name = TRIM(NEW.name)$$
CREATE PROCEDURE total() BEGIN
-- Current Database: `other`
SELECT COUNT(*) FROM orders; END$$
DELIMITER ;
"""
MARIADB = """
CREATE SEQUENCE numbers START WITH 100;
CREATE TABLE numbered (id INT DEFAULT NEXTVAL(numbers), note TEXT);
INSERT INTO numbered (note) VALUES ('a'), ('b');
CREATE TABLE past (id INT PRIMARY KEY, n INT) WITH SYSTEM VERSIONING;
INSERT INTO past VALUES (1, 1); UPDATE past SET n = 2;
"""


@dataclasses.dataclass(frozen=True)
class Shop:
    """A schema on a source, the fleet (whose connection `admin` is the operator, on the same server) and a recovery point."""

    files: FleetFiles
    opened: Installation
    source: DatabaseServer
    schema: str
    manifest: Manifest

    def restore(self, *arguments: str, to: str = "connection:admin") -> subprocess.CompletedProcess[str]:
        """Restore by the command."""
        return self.files.run("restore", "shop", "--to", to, *arguments, "--json")

    def checksum(self, table: str) -> list[list[str]]:
        """Return what the server itself says of a table's rows."""
        return [row[1:] for row in self.source.sql(f"CHECKSUM TABLE {table}", self.schema)]

    @property
    def admin(self) -> Endpoint:
        """The server as the operator reaches it."""
        return self.opened.server_of("admin", self.source.flavour)


TakeShop = Callable[..., Shop]


@pytest.fixture
def take_shop(make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch) -> TakeShop:
    """Give `take_shop(source, parallel=3)`: a shop on that server, dumped by so many tools."""

    def take(source: DatabaseServer, *, parallel: int = 1) -> Shop:
        schema = source.fresh_schema("shop")
        source.sql(SHOP + (MARIADB if source.flavour == "mariadb" else ""), schema)
        files = make_fleet(source, schemas=[schema], parallel=parallel)
        files.connections["admin"] = {"conn_type": "mysql", "login": "root", "extra": {"unix_socket": source.admin["socket"]}}
        files.write()
        opened = files.open(monkeypatch)
        return Shop(files, opened, source, schema, backup.take_backup(opened, "shop", backup.new_id()).manifest)

    return take
