"""A source of each flavour whose data directory lies on btrfs, and somebody who writes to it all the time."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from include.proven import servers
from include.proven.engines.grants import snapshot_grants
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer, start_source
from tests.servers.fleets import FleetFiles, MakeFleet

SHOP = """
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60) NOT NULL, UNIQUE (name));
CREATE TABLE orders (
  id BIGINT PRIMARY KEY AUTO_INCREMENT, customer INT, note VARCHAR(200), at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6),
  KEY (customer), CONSTRAINT of_whom FOREIGN KEY (customer) REFERENCES customers (id)
);
CREATE TABLE prices (day DATE, price DECIMAL(10,2)) ENGINE=MyISAM;
CREATE VIEW recent AS SELECT id, note FROM orders ORDER BY id DESC LIMIT 5;
CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = COALESCE(NEW.note, 'none');
CREATE PROCEDURE count_orders() SELECT COUNT(*) FROM orders;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders WHERE id < 0;
INSERT INTO customers (name) VALUES ('Ada'), ('Grace'), ('Zuse');
INSERT INTO orders (customer, note) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 990)
  SELECT 1 + n.i % 3, REPEAT(SHA2(n.i * 20 + m.i, 256), 2) FROM n, (SELECT i FROM n WHERE i <= 20) AS m;
INSERT INTO prices VALUES ('2026-11-21', 9.50), (NULL, NULL);
CREATE ROLE clerks;
CREATE USER clerk@'10.0.0.%' IDENTIFIED BY 'a clerk''s secret';
GRANT SELECT ON shop.* TO clerks;
GRANT clerks TO clerk@'10.0.0.%';
GRANT INSERT ON shop.orders TO clerk@'10.0.0.%';
"""
WRITE = (
    "INSERT INTO orders (customer) VALUES (1 + {n} % 3); UPDATE orders SET note = '{n}' WHERE id = 1 + {n} * 37 % 19000;"
    " DELETE FROM orders WHERE id = {n} * 13; INSERT INTO prices VALUES ('2026-11-22', {n});\n"
)
OPTIONS = [
    *("--log-bin=log", "--server-id=7"),
    # the scratch servers' own settings are not worth a crash
    *("--innodb-doublewrite=ON", "--innodb-flush-method=fsync", "--innodb-flush-log-at-trx-commit=2"),
]

Writing = Callable[[], contextlib.AbstractContextManager[None]]


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def shop(request: pytest.FixtureRequest, btrfs: pathlib.Path) -> Iterator[DatabaseServer]:
    """A server with a shop and a binary log. MariaDB's data directory is a subvolume, MySQL's lies in one."""
    flavour: str = request.param
    path: list[pathlib.Path] = request.getfixturevalue(f"{flavour}_path")
    directory = btrfs / flavour
    subprocess.run(["btrfs", "subvolume", "create", str(directory)], check=True, stdout=subprocess.DEVNULL)
    if flavour == "mariadb":
        subprocess.run(["btrfs", "subvolume", "create", str(directory / "data")], check=True, stdout=subprocess.DEVNULL)
    elsewhere = directory / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    known = ["--symbolic-links=ON"] if flavour == "mariadb" else [f"--innodb-directories={elsewhere}"]
    try:
        server = start_source(flavour, directory, path, options=[*OPTIONS, *known])
        server.sql(SHOP)
        server.sql(snapshot_grants("proven@'127.0.0.1'", flavour))
        yield server
    finally:
        servers.kill_processes(directory / "data")


@pytest.fixture
def files(shop: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    """A fleet whose database `shop` is backed up by a snapshot of its volume, MySQL's in a folder that is named."""
    elsewhere = {"folder": str(shop.process.directory / "elsewhere")} if shop.flavour == "mysql" else {}
    return make_fleet(shop, method="snapshot", snapshot={"volume": "btrfs", **elsewhere})


@pytest.fixture
def installation(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """That fleet, opened here."""
    return files.open(monkeypatch)


@pytest.fixture
def writing(shop: DatabaseServer) -> Writing:
    """Give a context in which somebody commits as fast as the server takes it."""

    @contextlib.contextmanager
    def write() -> Iterator[None]:
        program = servers.find_program(shop.flavour, shop.path)
        argv = [program, "--no-defaults", "-uroot", f"-S{shop.admin['socket']}", "--batch", "shop"]
        client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert client.stdin is not None
        enough = threading.Event()

        def feed() -> None:
            number = 0
            while not enough.is_set():
                number += 1
                client.stdin.write(WRITE.format(n=number).encode())  # type: ignore[union-attr] # it has a pipe
                client.stdin.flush()  # type: ignore[union-attr]

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            yield
            assert client.poll() is None, "the writer has died"
        finally:
            enough.set()
            feeder.join()
            client.stdin.close()
            assert client.wait(60) == 0

    return write
