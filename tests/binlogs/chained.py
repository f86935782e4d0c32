"""Fixture `chained`: a full backup of a server's files, three incrementals under writes, the log behind, and a younger one."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from include.proven import servers
from include.proven.binlogs import streaming
from include.proven.demo.keys import DemoKeys
from include.proven.engines.grants import physical_grants
from include.proven.errors import ProvenError
from include.proven.manifest import Manifest
from tests.binlogs import logged, streams
from tests.binlogs.logged import Logged
from tests.sabotage.yard import SHOP
from tests.servers.fleets import CHECKOUT
from tests.servers.missing import give_up

CHURN = """
CREATE TABLE moves (id BIGINT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(200), at DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6));
CREATE TABLE brake (pulled INT);
DELIMITER //
CREATE PROCEDURE churn() BEGIN
  REPEAT
    INSERT INTO moves (note) VALUES (REPEAT(UUID(), 4));
    UPDATE moves SET note = 'moved' WHERE id % 7 = 0 ORDER BY id DESC LIMIT 3;
    DELETE FROM moves WHERE id % 11 = 0 ORDER BY id DESC LIMIT 1;
    DO SLEEP(0.02);
  UNTIL EXISTS (SELECT 1 FROM brake) END REPEAT;
END//
DELIMITER ;
"""


CLONES = ["--performance-schema=ON"]
"""What tells how far a clone is."""


@dataclasses.dataclass
class Chained:
    """What was backed up, and the log that was streamed all the while."""

    logged: Logged
    chain: list[Manifest]
    """The full one and its three links."""
    younger: Manifest
    """A fourth link, behind some seconds of writes."""


@pytest.fixture(scope="module")
def chained(mariadb_path: list[pathlib.Path], gpg_home: DemoKeys) -> Iterator[Chained]:
    """A MariaDB that is written to, streamed and backed up by its files at the same time."""
    try:
        servers.find_program("mariadb-backup", mariadb_path)
    except ProvenError as error:
        give_up("mariadb-backup", str(error))
    with backing_up("mariadb", mariadb_path, gpg_home, ["incremental"] * 3) as made:
        yield made


@pytest.fixture(scope="module")
def cloned(mysql_path: list[pathlib.Path], gpg_home: DemoKeys) -> Iterator[Chained]:
    """A MySQL likewise, which has no incrementals: it clones itself twice."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="proven-clones-", dir="/var/tmp"))
    folder.chmod(0o777)  # the server enters it
    try:
        with backing_up("mysql", mysql_path, gpg_home, [], options=CLONES, clone_folder=str(folder)) as made:
            yield made
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def backing_up(
    flavour: str, path: list[pathlib.Path], keys: DemoKeys, links: Sequence[str], **database: Any
) -> Iterator[Chained]:
    """Run a server that is written to, streamed and backed up by its files at the same time: a full one and these links."""
    database |= {"method": "physical", "binlogs": {"lag": "1s", "piece": "100 KB"}}
    with logged.running(flavour, path, keys, **database) as made:
        shop = SHOP
        if flavour == "mysql":
            made.sql("INSTALL PLUGIN clone SONAME 'mysql_clone.so'")
            shop = SHOP.replace("MyISAM", "InnoDB")  # a clone holds nothing else
        made.sql(physical_grants("proven@'127.0.0.1'", flavour))
        streams.let_stream(made.source)
        made.sql("CREATE DATABASE shop; USE shop;" + shop + CHURN)
        chain = [made.back_up()]
        with streaming_along(made), churning(made):
            chain += [made.back_up(kind) for kind in links]
            wait_for_ticks(made, 4)
            younger = made.back_up(links[-1] if links else "full")
        streaming.stream(made.opened, "shop", seconds=1)
        yield Chained(made, chain, younger)


@contextlib.contextmanager
def streaming_along(made: Logged) -> Iterator[None]:
    """Ship the log meanwhile, as `./proven stream` does."""
    argv = [sys.executable, "-m", "include.proven.cli", "stream", "shop"]
    stream = subprocess.Popen(argv, cwd=CHECKOUT, env=os.environ | made.files.variables, stdout=subprocess.DEVNULL)
    try:
        yield
        assert stream.poll() is None, "the stream has died"
    finally:
        stream.send_signal(signal.SIGINT)
        stream.wait(60)


@contextlib.contextmanager
def churning(made: Logged) -> Iterator[None]:
    """Have somebody write meanwhile."""
    client = servers.find_program(made.source.tools["client"][0], made.source.path)
    argv = [client, "--no-defaults", "-uroot", f"-S{made.source.admin['socket']}"]
    writer = subprocess.Popen([*argv, "shop", "-e", "CALL churn()"])
    try:
        yield
        assert writer.poll() is None, "the writer has died"
    finally:
        made.sql("INSERT INTO shop.brake VALUES (1)")
        assert writer.wait(60) == 0


def wait_for_ticks(made: Logged, count: int) -> None:
    """Wait until the stream has written so many ticks from now on."""
    wanted, deadline = newest_tick(made) + count, time.monotonic() + 120
    while newest_tick(made) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def newest_tick(made: Logged) -> int:
    """Return the number of the newest tick, 0 where the stream has not made their table yet."""
    there = made.sql("SHOW TABLES FROM proven_canary LIKE 'ticks'")
    return int(made.sql("SELECT COALESCE(MAX(id), 0) FROM proven_canary.ticks")[0][0]) if there else 0
