"""Inside Airflow, hosts are reached by Airflow's own SSH hook, and their keys are checked whatever its connection says."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import paramiko
import pytest
from airflow.providers.ssh.hooks.ssh import SSHHook

from include.proven import connections
from include.proven.errors import SourceError
from include.proven.hosts import ssh_client, ssh_keys, ssh_opening
from proven_airflow import connections as edge
from tests.airflow.test_one_process import ORDERS, run_here, verdict_of
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet
from tests.servers.sshd import Sshd, new_key

LAX: list[dict[str, Any]] = [{}, {"no_host_key_check": True, "allow_host_key_change": "true"}]


@pytest.fixture(autouse=True)
def in_airflow(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the library ask Airflow, as its tasks do, with a home where no host is known."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ssh_keys, "SYSTEM_FILE", tmp_path / "ssh_known_hosts")
    edge.install()
    yield
    connections.use_resolver(None)
    ssh_opening.use_clients(None)


@pytest.fixture
def by_hook(monkeypatch: pytest.MonkeyPatch) -> list[paramiko.SSHClient]:
    """Note the clients that the provider's hook has opened."""
    opened: list[paramiko.SSHClient] = []
    original = SSHHook.get_conn

    def get_conn(hook: SSHHook) -> paramiko.SSHClient:
        client = original(hook)
        opened.append(client)
        return client

    monkeypatch.setattr(SSHHook, "get_conn", get_conn)
    return opened


def resolve(sshd: Sshd, monkeypatch: pytest.MonkeyPatch, **extra: Any) -> connections.Connection:
    """Return the connection as Airflow hands it out."""
    keys = {"private_key": sshd.user_key.private, "host_key": sshd.host_key.public, **extra}
    stored = {"conn_type": "ssh", "host": sshd.address, "port": sshd.port, "login": sshd.user}
    given = {name: value for name, value in keys.items() if value is not None}
    monkeypatch.setenv("AIRFLOW_CONN_DB1_SSH", json.dumps({**stored, "extra": given}))
    found = connections.resolve("db1_ssh")
    assert dataclasses.asdict(found)["extra"] == given
    return found


def says_hello(client: paramiko.SSHClient) -> None:
    with contextlib.closing(client):
        assert client.exec_command("echo hello")[1].read() == b"hello\n"


def test_the_providers_hook_opens_the_client(
    sshd: Sshd, by_hook: list[paramiko.SSHClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ssh_client.open_client(resolve(sshd, monkeypatch, conn_timeout=5))
    assert by_hook == [client]
    says_hello(client)


def test_a_host_known_to_the_machine_alone_is_known_to_the_hook(
    sshd: Sshd, by_hook: list[paramiko.SSHClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh_keys.SYSTEM_FILE.write_text(f"[{sshd.address}]:{sshd.port} {sshd.host_key.public}\n")
    client = ssh_client.open_client(resolve(sshd, monkeypatch, host_key=None))
    assert by_hook == [client]
    says_hello(client)


def test_a_host_key_that_the_hook_would_take_for_rsa_is_ours(
    sshd: Sshd, by_hook: list[paramiko.SSHClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ssh_client.open_client(resolve(sshd, monkeypatch, host_key=sshd.host_key.public.split()[1]))
    assert by_hook == []
    says_hello(client)


@pytest.mark.parametrize("lax", LAX, ids=["", "no check"])
def test_another_host_key_is_refused(sshd: Sshd, lax: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="not the one on record"):
        ssh_client.open_client(resolve(sshd, monkeypatch, host_key=new_key().public, **lax))
    assert "Accepted" not in sshd.log


@pytest.mark.parametrize("lax", LAX, ids=["", "no check"])
def test_an_unknown_host_is_refused(sshd: Sshd, lax: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="no host key is on record"):
        ssh_client.open_client(resolve(sshd, monkeypatch, host_key=None, **lax))
    assert "Accepted" not in sshd.log


def test_a_log_in_that_is_refused_is_tried_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s").mkdir()
    with Sshd(tmp_path / "s", options=["LogLevel VERBOSE"]) as sshd:
        with pytest.raises(SourceError, match="refused"):
            ssh_client.open_client(resolve(sshd, monkeypatch, private_key=new_key().private))
        assert sshd.log.count("Connection from") == 1
        says_hello(ssh_client.open_client(resolve(sshd, monkeypatch)))
        assert "Accepted publickey" in sshd.log


def test_the_dags_back_up_beside_the_database_and_no_key_is_left_in_airflow(
    sshd: Sshd, mariadb_source: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql(ORDERS, schema)
    files = make_fleet(mariadb_source, schemas=[schema], host="db1_ssh")
    keys = {"private_key": sshd.user_key.private, "host_key": sshd.host_key.public}
    login = {"conn_type": "ssh", "host": sshd.address, "port": sshd.port, "login": sshd.user}
    files.connections["db1_ssh"] = {**login, "extra": keys}
    files.write()
    done = run_here(files, "backup__shop", "drill__shop")
    assert done.returncode == 0, done.stdout[-4000:]
    assert verdict_of(files, monkeypatch) == "proven"
    assert "Accepted publickey" in sshd.log
    middle = sshd.user_key.private.splitlines()[2]
    assert middle not in done.stdout + done.stderr
    state = files.folder / "state"
    assert [path for path in state.rglob("*") if path.is_file() and middle.encode() in path.read_bytes()] == []

    # the host is another one: the run fails, and its clean-up does not hang on what it can't reach
    files.connections["db1_ssh"]["extra"]["host_key"] = new_key().public
    files.write()
    done = run_here(files, "backup__shop")
    assert done.returncode == 1
    assert "host key is not the one on record" in done.stdout
    assert "can't be seen" in done.stdout
    assert "no recovery point" in done.stdout
