"""A backup that can't be whole is an error that names the cause: no result, nothing left running."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.proven import agent_client, errors, servers
from include.proven.agent.client import Session
from include.proven.agent.processes import CommandLog
from tests.agent import processes
from tests.agent.jobs import Keys, backup_job
from tests.agent.object_server import ObjectServer
from tests.servers.databases import DatabaseServer

Backup = Callable[..., dict[str, Any]]


@pytest.fixture
def schema(source: DatabaseServer) -> Iterator[str]:
    """A schema with one table, alone on its server."""
    source.drop_schemas()
    name = source.fresh_schema()
    source.sql("CREATE TABLE t (id INT); INSERT INTO t VALUES (1), (2)", name)
    yield name
    source.drop_schemas()


@pytest.fixture
def backup(source: DatabaseServer, schema: str, objects: ObjectServer, keys: Keys) -> Iterator[Backup]:
    """Runs a backup; afterwards no tool of it may be there."""

    def run(**changes: Any) -> dict[str, Any]:
        return agent_client.run({**backup_job(source.endpoint, source.tools, keys), **changes}, signer=objects.signer)

    yield run
    assert not processes.programs(os.getpid()) & {"mariadb", "mysql", "mariadb-dump", "mysqldump", "gpg", "zstd", "setpriv"}


def with_dump(source: DatabaseServer, directory: pathlib.Path, script: str) -> dict[str, Any]:
    """Return tools whose dump program is a script; `real` in it runs the real one."""
    real = servers.find_program(source.tools["dump"][0], source.path)
    file = directory / "odd-dump"
    file.write_text(f'#!/bin/bash\nreal() {{ "{real}" "$@"; }}\n{script}\n')
    file.chmod(0o755)
    return {**source.tools, "dump": [str(file), *source.tools["dump"][1:]]}


@pytest.mark.failure("A1", "A15")
def test_a_wrong_password(source: DatabaseServer, backup: Backup) -> None:
    with pytest.raises(errors.SourceError, match="access denied") as caught:
        backup(source={**source.endpoint, "password": "wr0ng pässword"})
    assert "wr0ng" not in str(caught.value)


@pytest.mark.failure("A1")
def test_a_server_that_is_not_there(source: DatabaseServer, backup: Backup) -> None:
    with pytest.raises(errors.SourceError, match=r"proven@127\.0\.0\.1:1: server can't be reached"):
        backup(source={**source.endpoint, "port": 1})


def test_an_unknown_schema(schema: str, backup: Backup) -> None:
    with pytest.raises(errors.SourceError, match="unknown schema: nowhere"):
        backup(schemas=[schema, "nowhere"])


def test_a_schema_whose_name_is_an_option(source: DatabaseServer, backup: Backup, tmp_path: pathlib.Path) -> None:
    source.sql("CREATE DATABASE `--result-file=gotcha`")
    with pytest.raises(errors.SourceError, match="begins like an option"):
        backup()


def test_a_tool_that_is_missing(source: DatabaseServer, backup: Backup) -> None:
    with pytest.raises(errors.ToolError, match="no-such-dump: no such program"):
        backup(tools={**source.tools, "dump": ["no-such-dump"]})


@pytest.mark.failure("A16")
def test_a_dump_tool_that_is_older_than_the_server(source: DatabaseServer, backup: Backup) -> None:
    old = {"mariadb": "mariadb-dump  Ver 10.19 Distrib 10.5.29-MariaDB, for Linux", "mysql": "mysqldump  Ver 8.0.42 for Linux"}
    with pytest.raises(errors.ToolError, match="is older than the server") as caught:
        backup(tools={**source.tools, "version": ["echo", old[source.flavour]]})
    assert old[source.flavour] in caught.value.detail


@pytest.mark.failure("A16")
def test_a_dump_tool_of_the_other_flavour(source: DatabaseServer, backup: Backup) -> None:
    other = {"mysql": "mariadb-dump from 12.1.2-MariaDB, client 10.19", "mariadb": "mysqldump  Ver 9.7.4-2 for Linux"}
    with pytest.raises(errors.ToolError, match=f"no dump tool for {source.flavour}"):
        backup(tools={**source.tools, "version": ["echo", other[source.flavour]]})


@pytest.mark.failure("A2")
def test_a_dump_that_is_killed(source: DatabaseServer, backup: Backup, tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ToolError, match="odd-dump was killed by SIGKILL"):
        backup(tools=with_dump(source, tmp_path, 'real "$@" | head -c 2000; kill -KILL $$'))


@pytest.mark.failure("A2")
def test_a_dump_that_dies_in_the_middle(source: DatabaseServer, backup: Backup, tmp_path: pathlib.Path) -> None:
    tools = with_dump(source, tmp_path, 'real "$@" | head -c 2000; echo "out of luck" >&2; exit 3')
    with pytest.raises(errors.ToolError, match="odd-dump died with exit status 3") as caught:
        backup(tools=tools)
    assert "out of luck" in caught.value.detail


@pytest.mark.failure("A3")
def test_a_dump_without_its_end_marker(source: DatabaseServer, backup: Backup, tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ToolError, match="it lacks '-- Dump completed'"):
        backup(tools=with_dump(source, tmp_path, 'real "$@" | head -n -1'))


@pytest.mark.failure("A1")
def test_a_dump_that_never_opens_its_snapshot(source: DatabaseServer, backup: Backup, tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ToolError, match="it lacks '-- Current Database:'"):
        backup(tools=with_dump(source, tmp_path, "echo '-- Dump completed'"))


def test_a_dump_that_is_slow_to_its_snapshot_does_not_keep_writers_waiting(
    source: DatabaseServer, schema: str, backup: Backup, tmp_path: pathlib.Path
) -> None:
    started = time.monotonic()
    with pytest.raises(errors.SourceError, match="nothing is locked any more"):
        backup(tools=with_dump(source, tmp_path, "exec sleep 30"), lock_seconds=1.0)
    assert time.monotonic() - started < 8
    source.sql("INSERT INTO t VALUES (3)", schema)


def test_a_lock_that_others_hold_up(source: DatabaseServer, schema: str, backup: Backup) -> None:
    with Session(source.tools, source.admin, CommandLog()) as other:
        other.execute(f"LOCK TABLES `{schema}`.t WRITE")
        with pytest.raises(errors.SourceError, match="read lock could not be taken, within 1 s") as caught:
            backup(lock_seconds=1.0)
    assert "SHOW PROCESSLIST" in caught.value.hint
    source.sql("INSERT INTO t VALUES (3)", schema)


@pytest.mark.failure("A7")
def test_an_invalid_view(source: DatabaseServer, schema: str, backup: Backup) -> None:
    source.sql("CREATE VIEW v AS SELECT * FROM t; DROP TABLE t", schema)
    with pytest.raises(errors.SourceError, match="a view is invalid") as caught:
        backup()
    assert "v' references invalid" in caught.value.detail


@pytest.mark.failure("A7")
def test_a_view_whose_definer_is_gone_is_told(source: DatabaseServer, schema: str, backup: Backup) -> None:
    """The dump tools carry it as it is; that it can't be opened is no fault of a copy then."""
    view = "CREATE DEFINER=ghost@localhost VIEW v AS SELECT * FROM t"
    source.sql(f"CREATE USER ghost@localhost; {view}; DROP USER ghost@localhost", schema)
    result = backup()
    assert result["inventory"]["broken"] == {f"view {schema}.v": "its definer ghost@localhost does not exist"}


@pytest.mark.failure("B3")
def test_a_key_that_has_expired(backup: Backup, keys: Keys) -> None:
    home = keys.home / "old"
    if not home.exists():
        home.mkdir(mode=0o700)
        Keys(home).create("old@example.org", expires="seconds=1")
        time.sleep(2)
    with pytest.raises(errors.EncryptionError, match="can't encrypt") as caught:
        backup(recipients=[Keys(home).public()])
    assert "list-keys" in caught.value.hint


def test_a_missing_privilege(source: DatabaseServer, schema: str, backup: Backup) -> None:
    source.sql("DROP USER IF EXISTS poor@localhost; CREATE USER poor@localhost IDENTIFIED BY 'x'")
    source.sql("GRANT SELECT, TRIGGER, EVENT, SHOW VIEW ON *.* TO poor@localhost")
    with pytest.raises(errors.SourceError) as caught:
        backup(source={**source.admin, "user": "poor", "password": "x"}, canary=False)
    assert "GRANT RELOAD ON *.*" in caught.value.hint
