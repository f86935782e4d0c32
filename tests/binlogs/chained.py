"""Fixture `chained`: a full backup of a server's files, three incrementals under writes, the log behind, and a younger one."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

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
    INSERT INTO moves (note) VALUES (REPEAT(MD5(RAND()), 5));
    UPDATE moves SET note = 'moved' WHERE id % 7 = 0 ORDER BY id DESC LIMIT 3;
    DELETE FROM moves WHERE id % 11 = 0 ORDER BY id DESC LIMIT 1;
    DO SLEEP(0.02);
  UNTIL EXISTS (SELECT 1 FROM brake) END REPEAT;
END//
DELIMITER ;
"""


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
    options = {"method": "physical", "binlogs": {"lag": "1s", "piece": "100 KB"}}
    with logged.running("mariadb", mariadb_path, gpg_home, **options) as made:
        made.sql(physical_grants("proven@'127.0.0.1'", "mariadb"))
        streams.let_stream(made.source)
        made.sql("CREATE DATABASE shop; USE shop;" + SHOP + CHURN)
        chain = [made.back_up()]
        with streaming_along(made), churning(made):
            chain += [made.back_up("incremental") for _ in range(3)]
            wait_for_ticks(made, 4)
            younger = made.back_up("incremental")
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
    argv = [servers.find_program("mariadb", made.source.path), "--no-defaults", "-uroot", f"-S{made.source.admin['socket']}"]
    writer = subprocess.Popen([*argv, "shop", "-e", "CALL churn()"])
    try:
        yield
        assert writer.poll() is None, "the writer has died"
    finally:
        made.sql("INSERT INTO shop.brake VALUES (1)")
        assert writer.wait(60) == 0


def wait_for_ticks(made: Logged, count: int) -> None:
    """Wait until the stream has written so many ticks from now on."""
    ticks = "SELECT COALESCE(MAX(id), 0) FROM proven_canary.ticks"
    wanted, deadline = int(made.sql(ticks)[0][0]) + count, time.monotonic() + 120
    while int(made.sql(ticks)[0][0]) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.1)
