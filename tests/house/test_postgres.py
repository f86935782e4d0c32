"""The PostgreSQL of the local Airflow: its own directory, its socket and nothing else; the data stays, no process does."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator

import psycopg2
import pytest

from include.proven import errors, servers
from include.proven.local_airflow import postgres


@pytest.fixture
def directory() -> Iterator[pathlib.Path]:
    """Where the account that PostgreSQL runs as may enter; pytest's own directories are closed to others."""
    with tempfile.TemporaryDirectory(prefix="proven-state-", dir="/var/tmp") as state:
        pathlib.Path(state).chmod(0o711)
        yield pathlib.Path(state) / "postgres"


@pytest.fixture
def server(directory: pathlib.Path) -> Iterator[postgres.PostgresServer]:
    described = describe(directory)
    yield described
    described.stop()


def describe(directory: pathlib.Path) -> postgres.PostgresServer:
    return postgres.PostgresServer(directory, log=directory.parent / "log")


def connect(server: postgres.PostgresServer) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(host=str(server.directory), port=postgres.PORT, user=postgres.USER, dbname="postgres")
    connection.autocommit = True
    return connection


def sql(server: postgres.PostgresServer, statement: str) -> list[tuple[object, ...]]:
    connection = connect(server)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def at_work(server: postgres.PostgresServer) -> set[int]:
    """Return the ids of all processes whose working directory is the server's data."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == server.data:
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def test_it_is_reached_by_its_socket_alone_and_only_by_whoever_may_enter(server: postgres.PostgresServer) -> None:
    server.start()
    assert sql(server, "SHOW listen_addresses") == [("",)]
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    owners = set()
    for pid in at_work(server):
        with contextlib.suppress(FileNotFoundError):  # a session that has ended since
            owners.add(pathlib.Path(f"/proc/{pid}").stat().st_uid)
    assert owners and 0 not in owners


def test_another_process_stops_it_in_spite_of_its_clients_and_finds_the_data_again(server: postgres.PostgresServer) -> None:
    server.start()
    sql(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    client = connect(server)
    begun = time.monotonic()
    describe(server.directory).stop()
    assert time.monotonic() - begun < 10
    assert at_work(server) == set()
    client.close()
    describe(server.directory).start()
    assert sql(server, "SELECT answer FROM kept") == [(42,)]


def test_what_a_killed_server_has_left_does_not_hinder_the_next(server: postgres.PostgresServer) -> None:
    killed = server.start()
    sql(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    sql(server, "CHECKPOINT")
    frozen = at_work(server) - {killed.pid}
    for pid in frozen:  # as under heavy load: they don't notice at once that their server is gone
        with contextlib.suppress(ProcessLookupError):  # the one that had just answered
            os.kill(pid, signal.SIGSTOP)
    os.kill(killed.pid, signal.SIGKILL)
    server.start()
    assert not at_work(server) & frozen
    assert sql(server, "SELECT answer FROM kept") == [(42,)]


def test_a_lock_file_whose_process_id_now_is_another_programs_is_no_obstacle(server: postgres.PostgresServer) -> None:
    server.start()
    lock = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    account = server.directory.stat().st_uid if os.geteuid() == 0 else None
    with subprocess.Popen([*servers.as_user(account), "sleep", "60"]) as stranger:
        (server.data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lock[1:], ""]))
        server.start()
        assert sql(server, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
        stranger.kill()


def test_an_interrupted_first_start_is_made_up_for(server: postgres.PostgresServer) -> None:
    (server.directory / "data.new/base").mkdir(parents=True)
    server.start()
    assert sql(server, "SELECT 1") == [(1,)]


def test_the_values_of_a_statement_that_fails_are_not_logged(server: postgres.PostgresServer) -> None:
    server.start()
    with pytest.raises(psycopg2.errors.UndefinedTable):
        sql(server, "INSERT INTO nowhere VALUES ('a-secret')")
    log = (server.directory.parent / "log").read_text()
    assert 'relation "nowhere" does not exist' in log
    assert "a-secret" not in log


def test_data_of_a_version_that_is_not_installed_is_named_and_left_alone(server: postgres.PostgresServer) -> None:
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(errors.ToolError, match=r"postgres/data is of PostgreSQL 9, and that is not installed") as caught:
        server.start()
    assert "postgresql-9" in caught.value.hint
    assert list(server.data.iterdir()) == [server.data / "PG_VERSION"]


def test_a_socket_path_that_is_too_long_is_refused_at_once(directory: pathlib.Path) -> None:
    long = directory.parent / ("d" * 90)
    with pytest.raises(errors.ToolError, match="too long for a unix socket"):
        describe(long).start()
    assert not long.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as somebody else")
def test_a_directory_that_its_account_cant_enter_is_named(directory: pathlib.Path) -> None:
    directory.parent.chmod(0o700)
    with pytest.raises(errors.ToolError, match=f"directory {directory.parent} can't be entered"):
        describe(directory).start()


def test_a_server_that_does_not_start_is_told_with_the_end_of_its_log(server: postgres.PostgresServer) -> None:
    server.start()
    server.stop()
    (server.data / "postgresql.conf").write_text("no such line")
    with pytest.raises(errors.ToolError, match="postgres: ended while starting") as caught:
        server.start()
    assert "syntax error" in caught.value.detail
    assert at_work(server) == set()
