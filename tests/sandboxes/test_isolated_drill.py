"""A drill looks whether its sandbox is isolated before any data arrives, and is unproven where it is not."""

from __future__ import annotations

import io
import os
import pathlib
import subprocess
from typing import Any

import pytest
from rich.console import Console

from include.proven import backup, drill, drill_isolation, ids, restore, servers
from include.proven.errors import SandboxError
from include.proven.installation import Installation
from include.proven.proof.verdict import Verdict
from include.proven.reports import terminal
from include.proven.sandboxes import confinement, guard, local
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    """A fleet whose database is reached on a port of the loopback."""
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1), (2);", schema)
    return make_fleet(mariadb_source, schemas=[schema])


@pytest.fixture
def installation(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """That fleet, opened here."""
    return files.open(monkeypatch)


def take(installation: Installation) -> drill.Drill:
    """Take a backup and return a drill of it."""
    point = backup.take_backup(installation, "shop", backup.new_id()).manifest.recovery_point
    return drill.Drill(ids.new_drill(), "shop", point, "swift", "local")


def shown(verdict: Verdict) -> str:
    """Return what a person reads, on one line."""
    console = Console(record=True, width=400, file=io.StringIO())
    terminal.print_verdict(console, verdict)
    return console.export_text()


def test_a_verdict_shows_what_its_sandbox_could_not_do(installation: Installation, mariadb_source: DatabaseServer) -> None:
    verdict = drill.run(installation, take(installation))
    assert verdict.outcome == "proven", verdict.reason
    (build,) = (step for step in verdict.steps if step.name == "build")
    assert all(finding["ok"] for finding in build.figures["isolation"])
    place = f"127.0.0.1:{mariadb_source.endpoint['port']}"
    assert (
        "no binary log, no events, no replication, empty, root alone, no LOAD DATA LOCAL, "
        f"no route to the source ({place}: network is unreachable)" in shown(verdict)
    )
    assert not [sentence for sentence in verdict.not_covered if "network" in sentence]


@pytest.mark.failure("C9")
def test_a_sandbox_that_reaches_the_source_gets_no_data(
    installation: Installation, mariadb_source: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confinement, "without_network", tuple)
    verdict = drill.run(installation, take(installation))
    place = f"127.0.0.1:{mariadb_source.endpoint['port']}"
    assert verdict.outcome == "unproven"
    assert verdict.reason == f"build: sandbox is not isolated: the source is reached at {place}"
    assert [step.name for step in verdict.steps] == ["build"]
    assert verdict.not_covered[-1].endswith("the server saw the network of its host.")
    assert f"the source is reached at {place}" in shown(verdict)
    assert list(installation.sandbox("local").find()) == []


def test_where_only_a_filter_is_to_be_had_nobody_is_reached_either(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confinement, "without_network", lambda: confinement.FILTER)
    verdict = drill.run(installation, take(installation))
    assert verdict.outcome == "proven", verdict.reason
    assert "address family not supported by protocol" in shown(verdict)


@pytest.mark.failure("C5")
def test_a_server_that_dies_while_data_is_loaded_says_why(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent sees a lost connection only."""
    this = take(installation)
    sandbox = installation.sandbox("local")
    load_into = restore.load_into

    def kill_then_load(*arguments: Any, **options: Any) -> Any:
        assert isinstance(sandbox, local.LocalSandbox)
        guard.end(installation.fleet.sandboxes["local"].directory / this.instance / "data", "for the test")
        return load_into(*arguments, **options)

    monkeypatch.setattr(restore, "load_into", kill_then_load)
    verdict = drill.run(installation, this)
    assert verdict.outcome == "unproven"
    assert verdict.reason.startswith(f"restore: sandbox local: the server of {this.instance} was ended: for the test")


def test_addresses_of_a_source(files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    files.connections["source"]["host"] = "localhost"
    files.write()
    found = drill_isolation.addresses(files.open(monkeypatch), "shop")
    assert {"host": "127.0.0.1", "port": files.connections["source"]["port"]} in found
    files.connections["source"]["extra"] = {"unix_socket": "/run/mysqld/mysqld.sock"}
    files.write()
    assert drill_isolation.addresses(files.open(monkeypatch), "shop") == []


def test_nothing_found_out_is_not_isolated() -> None:
    with pytest.raises(SandboxError, match="nothing was found out"):
        drill_isolation.require([])


def test_the_server_holds_no_secret_and_can_read_none(
    files: FleetFiles, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "mysql://root:hidden@somewhere")
    this = take(installation)
    drill.build(installation, this)
    try:
        drill.load(installation, this)
        place = installation.fleet.sandboxes["local"].directory / this.instance
        (pid,) = servers.find_processes(place / "data")
        process = pathlib.Path(f"/proc/{pid}")
        environment = (process / "environ").read_bytes()
        for secret in (b"hidden", b"PROVEN", b"GNUPG", files.connections["swift"]["password"].encode()):
            assert secret not in environment
        assert str((process / "cwd").readlink()) == str(place / "data")
        opened = {str(handle.readlink()) for handle in (process / "fd").iterdir()}
        own = (f"{place}/", "/dev/null", "socket:", "pipe:", "anon_inode:", "/[aio]")
        assert not [name for name in opened if not name.startswith(own)]
        readable = as_its_user(pid, [str(path) for path in secrets_of(files)])
        assert readable == []
        assert as_its_user(pid, ["/etc/passwd"]) == ["/etc/passwd"], "the look itself works"
    finally:
        drill.destroy(installation, this)


def secrets_of(files: FleetFiles) -> list[pathlib.Path]:
    """Return the files that hold secrets: connections, fleet, private keys."""
    keys = list((files.gpg_home / "private-keys-v1.d").iterdir())
    assert keys
    return [files.folder / "connections.json", files.folder / "fleet.yaml", *keys]


def as_its_user(pid: int, paths: list[str]) -> list[str]:
    """Return which of those files the user of a process may read."""
    if os.geteuid() != 0:
        pytest.skip("only root's servers run as another user")
    uid = pathlib.Path(f"/proc/{pid}").stat().st_uid
    assert uid != 0
    code = 'for name in "$@"; do head -c 1 "$name" >/dev/null 2>&1 && echo "$name"; done; true'
    argv = [*servers.as_user(uid), "/bin/sh", "-c", code, "sh", *paths]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
