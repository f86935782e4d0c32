"""What a sandbox must not do or reach is found on servers that do it, and named."""

from __future__ import annotations

import pathlib
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from include.proven import agent_client, servers
from include.proven.agent.protocol import Endpoint, Tools
from include.proven.engines import engine
from include.proven.sandboxes import confinement
from tests.servers.databases import DatabaseServer

SILENT = "192.0.2.1"
"""Of TEST-NET-1: nobody has it (RFC 5737)."""


@pytest.fixture
def listening() -> Iterator[dict[str, Any]]:
    """The address of somebody who listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield {"host": "127.0.0.1", "port": server.getsockname()[1]}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def own_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A server that keeps a binary log, which nobody else uses."""
    path: list[pathlib.Path] = request.getfixturevalue(f"{request.param}_path")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="proven-test-", dir="/var/tmp"))
    directory.chmod(0o711)
    chosen = engine(request.param)
    process = servers.ServerProcess(chosen, directory / "s", tools=path, options=["--log-bin", "--server-id=7"])
    admin = Endpoint(flavour=request.param, socket=str(process.socket), host="", port=0, user="root", password="")
    tools = cast(Tools, vars(chosen.tools()) | {"path": [str(folder) for folder in path]})
    try:
        process.prepare()
        process.start()
        yield DatabaseServer(request.param, "", admin, admin, tools, path, process)
    finally:
        process.stop(gently=0)
        shutil.rmtree(directory)


def look(
    server: DatabaseServer, *, inside: Sequence[str] = (), unreachable: Sequence[dict[str, Any]] = ()
) -> dict[str, tuple[bool, str]]:
    """Return what was found, by name."""
    job = {"protocol": 1, "job": "isolation", "source": server.admin, "tools": server.tools}
    result = agent_client.run({**job, "inside": list(inside), "unreachable": list(unreachable)})
    return {found["name"]: (found["ok"], found["said"]) for found in result["findings"]}


def test_a_running_database_is_no_sandbox(source: DatabaseServer) -> None:
    schema = source.fresh_schema("shop")
    found = look(source)
    assert found["data"][0] is False
    assert schema in found["data"][1] or len(found["data"][1].split(",")) == 5
    assert found["accounts"][0] is False
    assert "there are accounts besides root: " in found["accounts"][1]
    assert "proven@127.0.0.1" in found["accounts"][1]


def test_a_binary_log_that_is_on_is_found(own_server: DatabaseServer) -> None:
    assert look(own_server)["binary log"] == (False, "the binary log is on (log_bin = ON)")


@pytest.mark.failure("C9")
def test_an_event_scheduler_that_is_on_is_found(source: DatabaseServer) -> None:
    assert look(source)["events"] == (True, "no events")
    source.sql("SET GLOBAL event_scheduler = ON")
    try:
        assert look(source)["events"] == (False, "the event scheduler is on (event_scheduler = ON)")
    finally:
        source.sql("SET GLOBAL event_scheduler = OFF")


@pytest.mark.failure("C9")
def test_a_replication_that_is_configured_is_found(own_server: DatabaseServer) -> None:
    assert look(own_server)["replication"] == (True, "no replication")
    change = "CHANGE MASTER TO MASTER" if own_server.flavour == "mariadb" else "CHANGE REPLICATION SOURCE TO SOURCE"
    own_server.sql(f"{change}_HOST='{SILENT}'")
    assert look(own_server)["replication"] == (False, "a replication is configured")


def test_files_of_a_client_that_may_be_loaded_are_found(source: DatabaseServer) -> None:
    assert look(source)["local files"] == (True, "no LOAD DATA LOCAL")
    source.sql("SET GLOBAL local_infile = ON")
    try:
        assert look(source)["local files"] == (False, "LOAD DATA LOCAL is allowed (local_infile = ON)")
    finally:
        source.sql("SET GLOBAL local_infile = OFF")


@pytest.mark.failure("C9")
def test_a_source_that_is_reached_is_found(mariadb_source: DatabaseServer, listening: dict[str, Any]) -> None:
    found = look(mariadb_source, unreachable=[listening])
    assert found["route"] == (False, f"the source is reached at 127.0.0.1:{listening['port']}")
    assert found["network"] == (True, "the server sees the network of its host")


@pytest.mark.parametrize("way", ["chosen", "filter"])
def test_from_inside_nobody_is_reached(mariadb_source: DatabaseServer, listening: dict[str, Any], way: str) -> None:
    inside = confinement.without_network() if way == "chosen" else confinement.FILTER
    assert inside, "this machine gives no way to take the network from a process"
    ok, said = look(mariadb_source, inside=inside, unreachable=[listening])["route"]
    assert ok
    assert said.startswith(f"no route to the source (127.0.0.1:{listening['port']}: ")
    assert "network" not in look(mariadb_source, inside=inside, unreachable=[listening])


@pytest.mark.parametrize(
    ("host", "why"), [("127.0.0.1", "connection refused"), ("no-such-host.invalid", "")], ids=["refused", "unknown"]
)
def test_a_source_that_is_not_reached(mariadb_source: DatabaseServer, host: str, why: str, closed_port: int) -> None:
    ok, said = look(mariadb_source, unreachable=[{"host": host, "port": closed_port}])["route"]
    assert ok
    assert said.startswith(f"no route to the source ({host}:{closed_port}: {why}")


@pytest.mark.parametrize(
    "broken", [["/bin/false"], [sys.executable, "-c", "import sys; sys.exit('no such namespace')"]], ids=["silent", "speaks"]
)
def test_a_probe_that_could_not_be_made_proves_nothing(
    mariadb_source: DatabaseServer, broken: list[str], closed_port: int
) -> None:
    ok, said = look(mariadb_source, inside=broken, unreachable=[{"host": "127.0.0.1", "port": closed_port}])["route"]
    assert not ok
    assert said.startswith(f"whether the source is reached at 127.0.0.1:{closed_port} could not be tried: ")


def test_every_address_is_tried(mariadb_source: DatabaseServer, listening: dict[str, Any], closed_port: int) -> None:
    addresses = [{"host": "127.0.0.1", "port": closed_port}, listening]
    job = {"protocol": 1, "job": "isolation", "source": mariadb_source.admin, "tools": mariadb_source.tools}
    findings = agent_client.run({**job, "inside": [], "unreachable": addresses})["findings"]
    assert [found["ok"] for found in findings if found["name"] == "route"] == [True, False]


def test_a_source_on_a_socket_has_no_network(mariadb_source: DatabaseServer) -> None:
    assert look(mariadb_source)["route"] == (True, "source is a socket: not reachable over a network")
