"""What a local sandbox promises beyond the contract: who it runs as, what it can reach, and that no kill leaves anything."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from include.proven import servers
from include.proven.errors import SandboxError
from include.proven.sandboxes import confinement
from tests.sandboxes.kinds import SERIES, Case, open_local

NAME = "proven-20261121t043600z-drill-1c9e22ab"
ROOT = pathlib.Path(__file__).parents[2]
CREATE = """
import pathlib, sys
from include.proven.sandboxes.contract import Order
from tests.sandboxes.kinds import a_server, open_local
directory, flavour, path, name = sys.argv[1:]
sandbox = open_local(pathlib.Path(directory), [pathlib.Path(path)] if path else [])
sandbox.create(Order(name, a_server(flavour), 1000))
"""


@pytest.fixture(autouse=True)
def _local_only(case: Case) -> None:
    if not isinstance(case.sandbox, type(open_local(case.directory, []))):
        pytest.fail("these tests are about local sandboxes: give other kinds a file of their own")


def start_creating(case: Case) -> subprocess.Popen[bytes]:
    path = str(case.path[0]) if case.path else ""
    return subprocess.Popen([sys.executable, "-c", CREATE, str(case.directory), case.flavour, path, NAME], cwd=ROOT)


def wait_for(pattern: str, directory: pathlib.Path, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not list(directory.glob(pattern)):
        assert child.poll() is None or list(directory.glob(pattern)), f"create ended before {pattern} was there"
        assert time.monotonic() < deadline
        time.sleep(0.001)


def everything_left(case: Case) -> list[object]:
    return [*case.directory.glob("**/*"), *servers.find_processes(case.directory / NAME / "data")]


@pytest.mark.failure("C10")
@pytest.mark.parametrize("moment", ["", "/sandbox.json", "/data", "/data/*", "/data/mysql*", "/run/pid", "/run/s"])
def test_create_killed_at(moment: str, case: Case) -> None:
    child = start_creating(case)
    wait_for(NAME + moment, case.directory, child)
    child.kill()
    child.wait()
    assert [found.name for found in case.sandbox.find()] == [NAME], "what a killed create leaves is found by the reaper"
    assert case.sandbox.destroy(NAME) is True
    assert everything_left(case) == []


def test_half_built_sandbox_is_built_anew(case: Case) -> None:
    child = start_creating(case)
    wait_for(f"{NAME}/data/*", case.directory, child)
    child.kill()
    child.wait()
    case.create(NAME)
    assert case.ask(NAME, "SELECT 1") == [["1"]]


def test_destroy_wins_over_a_create_that_is_at_work(case: Case) -> None:
    child = start_creating(case)
    wait_for(f"{NAME}/data/*", case.directory, child)
    assert case.sandbox.destroy(NAME) is True
    child.wait(60)
    assert everything_left(case) == []


@pytest.mark.failure("E3")
def test_two_that_create_one_name_get_one_server(case: Case) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda _: case.create(NAME), range(2))
    assert first == second
    assert len(servers.find_processes(case.directory / NAME / "data")) == 1


def test_server_is_unprivileged_and_reaches_no_network(case: Case) -> None:
    case.create(NAME)
    (pid,) = servers.find_processes(case.directory / NAME / "data")
    status = dict(
        line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    if os.geteuid() == 0:
        assert all(servers.LOWEST_UID <= int(uid) <= servers.HIGHEST_UID for uid in status["Uid"].split())
        assert status["Groups"].strip() == ""
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1" or os.geteuid() != 0
    if confinement.without_network():
        assert pathlib.Path(f"/proc/{pid}/ns/net").readlink() != pathlib.Path("/proc/self/ns/net").readlink()
    assert not sockets_of(pid) & network_sockets(pid)


def sockets_of(pid: int) -> set[str]:
    return {str(handle.readlink()) for handle in pathlib.Path(f"/proc/{pid}/fd").iterdir()}


def network_sockets(pid: int) -> set[str]:
    tables = [pathlib.Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6", "udp", "udp6")]
    return {f"socket:[{line.split()[9]}]" for table in tables for line in table.splitlines()[1:]}


def test_nobody_else_may_read_the_data(case: Case) -> None:
    case.create(NAME)
    place = case.directory / NAME
    assert {(place / folder).stat().st_mode & 0o777 for folder in ("data", "run", "files")} == {0o700}


def test_environment_of_the_task_does_not_reach_the_server(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "mysql://root:hidden@somewhere")
    case.create(NAME)
    (pid,) = servers.find_processes(case.directory / NAME / "data")
    assert b"AIRFLOW" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()


def test_dead_server_is_named_as_such(case: Case) -> None:
    case.create(NAME)
    (pid,) = servers.find_processes(case.directory / NAME / "data")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(SandboxError, match="does not answer"):
        case.sandbox.instance(NAME)
    assert case.sandbox.destroy(NAME) is True


def test_server_that_refuses_to_start_says_why_and_leaves_nothing(case: Case) -> None:
    with pytest.raises(SandboxError, match=r"ended with status|initialised") as caught:
        case.create(NAME, sql_mode="NO_SUCH_MODE")
    assert "NO_SUCH_MODE" in caught.value.detail
    assert everything_left(case) == []


def test_path_too_long_for_a_socket_is_named(case: Case) -> None:
    sandbox = open_local(case.directory / ("x" * 80), case.path)
    case.sandbox = sandbox
    with pytest.raises(SandboxError, match="too long for a unix socket"):
        case.create(NAME)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")
def test_directory_that_the_servers_user_cannot_enter_is_named(case: Case) -> None:
    closed = case.directory.parent / "closed"
    closed.mkdir(mode=0o700)
    case.sandbox = open_local(closed / "sandboxes", case.path)
    with pytest.raises(SandboxError, match=f"directory {closed} can't be entered"):
        case.create(NAME)


def test_missing_server_is_named_with_its_package(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "SBIN", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    case.sandbox = open_local(case.directory, [])
    with pytest.raises(
        Exception, match=f"can't serve (MariaDB|MySQL) {SERIES[case.flavour]}: program .* is not installed"
    ) as caught:
        case.create(NAME)
    assert "Debian package" in str(caught.value)
