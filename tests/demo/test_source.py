"""The demo's source: found again by any process, open to the backup account only, and root by a private socket."""

from __future__ import annotations

import pathlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from include.proven import servers
from include.proven.agent.protocol import Endpoint
from include.proven.demo.source import BACKUP_USER, DemoSource
from include.proven.engines import engine
from include.proven.errors import SourceError
from tests.servers.databases import run_tool

PASSWORD = "it's a \\ password"


@pytest.fixture
def source(mariadb_path: list[pathlib.Path]) -> Iterator[DemoSource]:
    """A demo source that goes after the test."""
    state = pathlib.Path(tempfile.mkdtemp(prefix="proven-test-", dir="/var/tmp"))
    state.chmod(0o711)
    source = DemoSource(state / "source", mariadb_path)
    try:
        yield source
    finally:
        servers.kill_processes(state / "source" / "data")
        shutil.rmtree(state)


def ask(source: DemoSource, user: str, password: str, sql: str) -> subprocess.CompletedProcess[bytes]:
    endpoint = Endpoint(flavour="mariadb", socket="", host="127.0.0.1", port=source.port, user=user, password=password)
    return run_tool(engine("mariadb").tools().client, endpoint, [], sql.encode())


def test_second_start_finds_the_data_and_the_port(source: DemoSource) -> None:
    source.start(backup_password=PASSWORD)
    source.load(lambda out: out.write(b"CREATE DATABASE shop; CREATE TABLE shop.t (i INT); INSERT INTO shop.t VALUES (7);"))
    port = source.port
    assert source.stop() is True
    assert source.stop() is False
    again = DemoSource(source.directory)
    again.start(backup_password="another")
    assert again.port == port
    assert ask(again, BACKUP_USER, "another", "SELECT i FROM shop.t").stdout == b"7\n"
    assert b"Access denied" in ask(again, BACKUP_USER, PASSWORD, "SELECT 1").stderr


def test_only_the_backup_account_comes_in_by_network(source: DemoSource) -> None:
    source.start(backup_password=PASSWORD)
    assert ask(source, BACKUP_USER, PASSWORD, "SELECT 1").stdout == b"1\n"
    assert b"Access denied" in ask(source, "root", "", "SELECT 1").stderr
    assert b"denied" in ask(source, BACKUP_USER, PASSWORD, "CREATE DATABASE mine").stderr


def test_start_that_was_killed_half_way_begins_anew(source: DemoSource) -> None:
    (source.directory / "data").mkdir(parents=True)
    (source.directory / "data" / "ibdata1").write_text("half")
    source.start(backup_password=PASSWORD)
    assert source.running()


def test_port_that_somebody_else_took_is_exchanged(source: DemoSource) -> None:
    source.start(backup_password=PASSWORD)
    source.stop()
    first = source.port
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        source.start(backup_password=PASSWORD)
    assert source.port != first
    assert ask(source, BACKUP_USER, PASSWORD, "SELECT 1").stdout == b"1\n"


def test_sql_that_fails_is_an_error_with_the_servers_words(source: DemoSource) -> None:
    source.start(backup_password=PASSWORD)
    with pytest.raises(SourceError) as caught:
        source.load(lambda out: out.write(b"SELECT 1;\nSELECT frog;\n" * 100_000))
    assert "Unknown column 'frog'" in caught.value.detail


def test_port_before_the_first_start_is_an_error(source: DemoSource) -> None:
    with pytest.raises(SourceError, match="was never started"):
        _ = source.port
