"""Physical backups of MySQL: the server clones itself, and the copy is drilled like every other."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from include.proven import backup, drill, ids
from include.proven.agent import clone_place
from include.proven.agent.client import Session
from include.proven.agent.clone import STAGES, Clone, MissedError
from include.proven.agent.errors import AgentError
from include.proven.agent.processes import CommandLog
from include.proven.engines.grants import physical_grants
from include.proven.errors import ConfigError, SourceError
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer, run_source
from tests.servers.fleets import CHECKOUT, FleetFiles, MakeFleet
from tests.servers.writing import keep_writing

SHOP = """
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60) NOT NULL, UNIQUE (name));
CREATE TABLE orders (
  id BIGINT PRIMARY KEY AUTO_INCREMENT, customer INT, note VARCHAR(200), at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6),
  KEY (customer), CONSTRAINT of_whom FOREIGN KEY (customer) REFERENCES customers (id)
);
CREATE VIEW recent AS SELECT id, note FROM orders ORDER BY id DESC LIMIT 5;
CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = COALESCE(NEW.note, 'none');
CREATE PROCEDURE count_orders() SELECT COUNT(*) FROM orders;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders WHERE id < 0;
INSERT INTO customers (name) VALUES ('Ada'), ('Grace'), ('Zuse');
INSERT INTO orders (customer, note) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 990)
  SELECT 1 + n.i % 3, REPEAT(SHA2(n.i * 20 + m.i, 256), 2) FROM n, (SELECT i FROM n WHERE i <= 20) AS m;
CREATE ROLE clerks;
CREATE USER clerk@'10.0.0.%' IDENTIFIED BY 'a clerk''s secret';
GRANT SELECT ON shop.* TO clerks;
GRANT clerks TO clerk@'10.0.0.%';
GRANT INSERT ON shop.orders TO clerk@'10.0.0.%';
INSTALL PLUGIN clone SONAME 'mysql_clone.so';
"""
WRITE = (
    "INSERT INTO orders (customer) VALUES (1 + {n} % 3); UPDATE orders SET note = '{n}' WHERE id = 1 + {n} * 37 % 19000;"
    " DELETE FROM orders WHERE id = {n} * 13;\n"
)
OPTIONS = ["--log-bin=log", "--server-id=7", "--performance-schema=ON"]


@pytest.fixture(scope="module")
def server(mysql_path: list[pathlib.Path]) -> Iterator[DatabaseServer]:
    """A MySQL with a shop, a binary log and the clone plugin; the account may take physical backups."""
    for source in run_source("mysql", mysql_path, options=OPTIONS):
        source.sql(SHOP)
        source.sql(physical_grants("proven@'127.0.0.1'", "mysql"))
        yield source


@pytest.fixture
def folder(server: DatabaseServer) -> pathlib.Path:
    """Where the server clones itself."""
    path = server.process.directory / "clones"
    path.mkdir(mode=0o711, exist_ok=True)
    return path


@pytest.fixture
def cloning(server: DatabaseServer, folder: pathlib.Path, make_fleet: MakeFleet) -> FleetFiles:
    """A fleet whose database `shop` is backed up by a clone."""
    return make_fleet(server, method="physical", clone_folder=str(folder))


@pytest.fixture
def opened(cloning: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """That fleet, opened here."""
    return cloning.open(monkeypatch)


def test_a_clone_under_writes_is_proven(
    opened: Installation, server: DatabaseServer, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with keep_writing(server, "shop", WRITE):
        manifest = backup.take_backup(opened, "shop", backup.new_id()).manifest
    assert (manifest.method, manifest.kind, manifest.pages) == ("physical", "full", None)
    assert [(one.role, one.name) for one in manifest.artifacts] == [("datadir", "datadir.tar.zst.gpg")]
    assert manifest.position is not None
    assert manifest.position.file.startswith("log.")
    assert manifest.lock is not None
    assert manifest.lock.kind == "read lock"
    with capsys.disabled():
        print(f" lock: waited {manifest.lock.waited_seconds} s, held {manifest.lock.held_seconds} s ", end="")
    assert list(folder.iterdir()) == []
    verdict = drill.run(opened, drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, "swift", "local"))
    assert verdict.outcome == "proven", (verdict.reason, verdict)


def test_what_a_killed_agent_has_left_goes_with_the_next_backup(cloning: FleetFiles, folder: pathlib.Path) -> None:
    cloning.document["stores"]["swift"]["bandwidth_limit"] = "20 KB/s"
    cloning.write()
    argv, quiet = [sys.executable, "-m", "include.proven.cli", "backup", "shop"], subprocess.DEVNULL
    command = subprocess.Popen(argv, cwd=CHECKOUT, env={**os.environ, **cloning.variables}, stdout=quiet, stderr=quiet)
    try:
        deadline = time.monotonic() + 120
        while not list(folder.glob(f"{clone_place.PREFIX}*/clone-1/mysql.ibd")):
            assert command.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        children = pathlib.Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
        (agent,) = [int(pid) for pid in children if b"agent" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(agent, signal.SIGKILL)
        assert command.wait(120) != 0
    finally:
        command.kill()
        command.wait()
    assert len(list(folder.iterdir())) == 1
    del cloning.document["stores"]["swift"]["bandwidth_limit"]
    cloning.write()
    done = cloning.run("backup", "shop")
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []


def test_a_lock_that_comes_too_late_is_noticed(server: DatabaseServer, folder: pathlib.Path) -> None:
    """Whatever is committed from then on is not in the clone."""
    place = folder / "late"
    place.mkdir()
    os.chown(place, folder.parent.joinpath("data").stat().st_uid, -1)
    writer, watcher = (Session(server.tools, server.endpoint, CommandLog()) for _ in range(2))
    clone = Clone(place / "clone", writer, watcher, 0.3)
    try:
        clone.run()
        with pytest.raises(MissedError, match="at its end before the read lock was granted"):
            clone.wait_until_near()
        with pytest.raises(MissedError):
            clone.require_going_on()
        assert clone.wait(0)
    finally:
        clone.close()
        shutil.rmtree(place)


def test_a_clone_that_was_faster_than_the_lock_is_made_again(
    server: DatabaseServer, folder: pathlib.Path, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = make_fleet(server, method="physical", clone_folder=str(folder), lock_time_limit="2m").open(monkeypatch)
    other, watcher = (Session(server.tools, server.admin, CommandLog()) for _ in range(2))
    other.execute("LOCK TABLES shop.orders WRITE")
    state = STAGES.format(folder / f"{clone_place.PREFIX}%/clone-1")

    enough = threading.Event()

    def let_go() -> None:
        while not enough.wait(0.05) and ("REDO COPY", "Completed") not in [row[:2] for row in watcher.query(state)]:
            pass
        other.execute("UNLOCK TABLES")

    letting_go = threading.Thread(target=let_go)
    letting_go.start()
    try:
        backup.take_backup(opened, "shop", backup.new_id())
    finally:
        enough.set()
        letting_go.join()
        other.close()
        watcher.close()
    (status,) = server.sql("SELECT DESTINATION, STATE FROM performance_schema.clone_status")
    assert (pathlib.Path(status[0]).name, status[1]) == ("clone-2", "Completed")
    assert list(folder.iterdir()) == []


def test_a_lock_that_is_held_up_ends_the_backup_and_its_clone(
    server: DatabaseServer, folder: pathlib.Path, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = make_fleet(server, method="physical", clone_folder=str(folder), lock_time_limit="2s").open(monkeypatch)
    other = Session(server.tools, server.admin, CommandLog())
    other.execute("LOCK TABLES shop.orders WRITE")
    try:
        with pytest.raises(SourceError, match="the read lock could not be taken, within 2 s; nothing is locked any more"):
            backup.take_backup(opened, "shop", backup.new_id())
    finally:
        other.close()
    assert list(folder.iterdir()) == []
    assert opened.catalog("shop").recovery_points("shop") == []


@pytest.mark.parametrize(
    ("before", "after", "what", "hint"),
    [
        ("UNINSTALL PLUGIN clone", "INSTALL PLUGIN clone SONAME 'mysql_clone.so'", "no clone plugin", "INSTALL PLUGIN clone"),
        (
            "REVOKE BACKUP_ADMIN ON *.* FROM proven@'127.0.0.1'",
            "GRANT BACKUP_ADMIN ON *.* TO proven@'127.0.0.1'",
            "the server's clone could not be made: .* lacks a privilege",
            "GRANT BACKUP_ADMIN",
        ),
        ("CREATE TABLE shop.old (id INT) ENGINE=MyISAM", "DROP TABLE shop.old", "leaves shop.old empty", "method: logical"),
    ],
)
def test_what_no_clone_can_be_made_of_is_told(
    opened: Installation, server: DatabaseServer, folder: pathlib.Path, before: str, after: str, what: str, hint: str
) -> None:
    server.sql(before)
    try:
        with pytest.raises(SourceError, match=what) as met:
            backup.take_backup(opened, "shop", backup.new_id())
    finally:
        server.sql(after)
    assert hint in met.value.hint
    assert list(folder.iterdir()) == []


def test_a_clone_is_always_a_full_one(opened: Installation) -> None:
    with pytest.raises(ConfigError, match="a clone is always a full one, not incremental"):
        backup.take_backup(opened, "shop", backup.new_id(kind="incremental"))


def test_another_servers_data_directory_is_told(tmp_path: pathlib.Path) -> None:
    session = cast(Session, SimpleNamespace(query=lambda sql: [("this",)]))
    with pytest.raises(AgentError, match="can't be read from here"):
        clone_place.require_own_host(session, tmp_path)
    (tmp_path / "auto.cnf").write_text("[auto]\nserver-uuid=another\n")
    with pytest.raises(AgentError, match="is another server's") as met:
        clone_place.require_own_host(session, tmp_path)
    assert "`host` in the fleet file" in met.value.hint
