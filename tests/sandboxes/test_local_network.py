"""A local sandbox reaches nobody, on whatever machine it is: by a namespace of its own, or by a filter."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
from collections.abc import Iterator
from typing import cast

import pytest

from include.proven import agent_client, engines, servers
from include.proven.agent import looks, protocol
from include.proven.agent.protocol import Tools
from include.proven.installation import as_job_endpoint
from include.proven.sandboxes import confinement
from tests.sandboxes.kinds import SERIES
from tests.sandboxes.local_cases import NAME, LocalCase

UNPRIVILEGED = 65000
TRY = 'exec 3<>"/dev/tcp/127.0.0.1/$0"'
"""What bash does to connect to a port."""


@pytest.fixture(params=SERIES)
def local(request: pytest.FixtureRequest, directory: pathlib.Path) -> LocalCase:
    """A local sandbox of each flavour."""
    path: list[pathlib.Path] = request.getfixturevalue(f"{request.param}_path")
    return LocalCase(request.param, directory / "sandboxes", path)


@pytest.fixture
def port() -> Iterator[int]:
    """A port of the loopback on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def connect(port: int, *inside: str) -> str:
    """Connect to that port from inside, and return what is said if it can't be."""
    done = subprocess.run([*inside, "bash", "-c", TRY, str(port)], capture_output=True, text=True, check=False)
    assert bool(done.returncode) == bool(done.stderr)
    return done.stderr


def look(local: LocalCase, port: int) -> list[looks.Finding]:
    """Return what an agent finds of the sandbox, whose source would listen on that port."""
    instance = local.sandbox.instance(NAME)
    tools = cast(Tools, vars(engines.engine(local.flavour).tools()) | {"path": [str(folder) for folder in local.path]})
    job = looks.IsolationJob(
        protocol=protocol.VERSION,
        job="isolation",
        source=as_job_endpoint(instance.endpoint),
        tools=tools,
        inside=list(instance.inside),
        unreachable=[looks.Address(host="127.0.0.1", port=port)],
    )
    found: list[looks.Finding] = agent_client.run(job, host=instance.host)["findings"]
    return found


def test_the_server_is_in_a_network_of_its_own(local: LocalCase, port: int) -> None:
    if confinement.without_network() == confinement.FILTER:
        pytest.skip("this machine gives nobody a network namespace; the filter has a test of its own")
    local.create()
    inside = local.sandbox.instance(NAME).inside
    (pid,) = local.servers()
    network = str(pathlib.Path(f"/proc/{pid}/ns/net").readlink())
    assert network != str(pathlib.Path("/proc/self/ns/net").readlink())
    seen = subprocess.run([*inside, "readlink", "/proc/self/ns/net"], capture_output=True, text=True, check=True).stdout
    assert seen.strip() == network
    routes = subprocess.run([*inside, "cat", "/proc/net/route"], capture_output=True, text=True, check=True).stdout
    assert len(routes.splitlines()) <= 1, "nothing but the heading"
    assert connect(port) == ""
    assert "Network is unreachable" in connect(port, *inside)
    assert [finding["said"] for finding in look(local, port) if not finding["ok"]] == []


def test_where_there_is_no_namespace_a_filter_does(local: LocalCase, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "without_network", lambda: confinement.FILTER)
    local.create()
    assert local.sandbox.instance(NAME).inside == confinement.FILTER
    assert "Address family not supported" in connect(port, *confinement.FILTER)
    assert [finding["said"] for finding in look(local, port) if not finding["ok"]] == []
    assert local.ask("SELECT 1") == [["1"]]


def test_where_there_is_nothing_it_is_said(local: LocalCase, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "without_network", tuple)
    local.create()
    assert local.sandbox.instance(NAME).inside == ()
    found = {finding["name"]: finding["said"] for finding in look(local, port)}
    assert found["route"] == f"the source is reached at 127.0.0.1:{port}"
    assert found["network"] == "the server sees the network of its host"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, socket.AF_NETLINK])
def test_the_filter_refuses_every_network(family: int) -> None:
    code = f"import socket; socket.socket(socket.AF_UNIX); socket.socket({int(family)}, socket.SOCK_RAW)"
    done = subprocess.run([*confinement.FILTER, "python3", "-c", code], capture_output=True, text=True, check=False)
    assert "Address family not supported by protocol" in done.stderr


def test_the_filter_cannot_be_passed_by_a_ring() -> None:
    """io_uring opens sockets without the system call."""
    code = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall(425, 1, 0), ctypes.get_errno())"
    done = subprocess.run([*confinement.FILTER, "python3", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "-1 38\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_who_is_not_root_makes_a_namespace_too(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    someone = servers.as_user(UNPRIVILEGED)
    monkeypatch.setattr(os, "geteuid", lambda: UNPRIVILEGED)
    prefix = confinement.without_network.__wrapped__()
    assert "--map-current-user" in prefix, "this kernel gives unprivileged users no namespace"
    with subprocess.Popen([*someone, *prefix, "sh", "-c", "echo there; exec sleep 60"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        try:
            assert "Network is unreachable" in connect(port, *someone, *confinement.inside(process.pid))
        finally:
            process.kill()
