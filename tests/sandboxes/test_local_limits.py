"""What a local sandbox may take up: memory, disk, time, and how many of them there may be."""

from __future__ import annotations

import concurrent.futures
import datetime
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from include.proven.errors import SandboxError
from include.proven.sandboxes import guard, memory
from include.proven.sandboxes import local as local_module
from include.proven.sandboxes.contract import Order, SandboxFullError
from tests.agent.processes import wait_until
from tests.sandboxes.kinds import SERIES, a_server
from tests.sandboxes.local_cases import NAME, LocalCase

ROOT = pathlib.Path(__file__).parents[2]
CREATE = """
import pathlib, sys
from include.proven import sandboxes
from include.proven.errors import SandboxError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes.contract import Order, SandboxFullError
from tests.sandboxes.kinds import a_server
directory, flavour, path, name = sys.argv[1:]
config = fleet_sandboxes.LocalSandbox(kind="local", directory=pathlib.Path(directory), at_once=2)
try:
    sandboxes.open_sandbox("local", config, [pathlib.Path(path)] if path else []).create(Order(name, a_server(flavour), 1000))
except SandboxFullError:
    print("full")
"""


@pytest.fixture(params=SERIES)
def local(request: pytest.FixtureRequest, directory: pathlib.Path) -> Iterator[LocalCase]:
    """A local sandbox of each flavour. Of a test that fails no cgroup is left."""
    path: list[pathlib.Path] = request.getfixturevalue(f"{request.param}_path")
    case = LocalCase(request.param, directory / "sandboxes", path)
    yield case
    for name in [found.name for found in case.sandbox.find()]:
        case.sandbox.destroy(name)


def ask_and_die(local: LocalCase, sql: str) -> None:
    """Run SQL of which the server dies."""
    with pytest.raises(AssertionError, match=r"Lost connection|server has gone away|Can't connect"):
        local.ask(sql)


@pytest.mark.failure("C5")
def test_a_server_that_takes_more_memory_is_killed_and_named(local: LocalCase) -> None:
    local.configure(memory_limit=512)
    local.create()
    place = local.place
    (pid,) = local.servers()
    assert memory._name(place) in pathlib.Path(f"/proc/{pid}/cgroup").read_text()
    ask_and_die(local, "SELECT LENGTH(REPEAT('x', 1000000000))")
    error = local.wait_until_dead(10)
    assert error.what == f"sandbox local: the server of {NAME} was killed for lack of memory: limit 512 MiB"
    assert error.verdict == "unproven"
    assert local.sandbox.destroy(NAME) is True
    assert memory._find(place) == []


def test_the_limit_on_memory_goes_with_the_sandbox_of_a_killed_builder(local: LocalCase) -> None:
    local.configure(memory_limit=512)
    place = local.place
    place.mkdir(parents=True)
    memory.make(place, 512)
    assert local.sandbox.destroy(NAME) is True
    assert memory._find(place) == []


def test_without_a_cgroup_a_limit_on_memory_is_refused(local: LocalCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ROOT", local.directory / "nothing")
    local.configure(memory_limit=512)
    with pytest.raises(SandboxError, match=r"no limit of 512 MiB can be set on the memory"):
        local.create()
    assert list(local.sandbox.find()) == []


@pytest.mark.failure("C5")
def test_a_server_that_takes_more_disk_is_ended_and_named(local: LocalCase, monkeypatch: pytest.MonkeyPatch) -> None:
    local.create()
    empty = guard.size(local.place)
    local.sandbox.destroy(NAME)
    # more than a server takes up for a moment while it is initialised
    monkeypatch.setattr(local_module, "EMPTY_BYTES", empty + 250 * 1024**2)
    local.create()
    local.ask("CREATE DATABASE s; CREATE TABLE s.t (b LONGBLOB)")
    ask_and_die(local, "INSERT s.t VALUES (REPEAT('x', 30000000));" + "INSERT s.t SELECT * FROM s.t;" * 4 + "DO SLEEP(5)")
    error = local.wait_until_dead(10)
    assert f"the server of {NAME} was ended: it takes up " in error.what
    assert "space_factor" in error.what
    wait_until(lambda: local.guards() == [])  # a guard ends with its server
    assert local.sandbox.destroy(NAME) is True


def test_every_table_needs_room(local: LocalCase) -> None:
    order = Order(NAME, a_server(local.flavour), 1000, tables=10**9)
    with pytest.raises(SandboxError, match=r"no space for the sandbox in .*: needs 524,288\.6 GB"):
        local.sandbox.create(order)


@pytest.mark.failure("C5")
def test_a_full_disk_ends_the_server(local: LocalCase, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LEAST_FREE", 0.9999)
    assert "of its disk are free" in guard.too_large(tmp_path, 1000)
    with pytest.raises(SandboxError, match="no space for the sandbox"):
        local.create()


@pytest.mark.failure("C10")
def test_a_server_that_nobody_destroys_is_ended_after_its_lifetime(local: LocalCase) -> None:
    local.configure(lifetime=datetime.timedelta(seconds=30))
    local.create()
    assert len(local.guards()) == 1
    error = local.wait_until_dead(90)
    assert error.what == f"sandbox local: the server of {NAME} was ended: its lifetime of 30 s has passed"
    assert [found.name for found in local.sandbox.find()] == [NAME], "the reaper still finds what is left"
    assert local.sandbox.destroy(NAME) is True


def test_a_server_without_its_folder_is_ended(local: LocalCase) -> None:
    """Neither destroy nor the reaper would know of it."""
    local.create()
    shutil.rmtree(local.place)
    deadline = time.monotonic() + 30
    while local.servers() or local.guards():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_destroy_takes_the_guard_too(local: LocalCase) -> None:
    local.create()
    assert len(local.guards()) == 1
    local.sandbox.destroy(NAME)
    assert local.guards() == []


@pytest.mark.parametrize("moment", ["data/*", "run/s"])
def test_nothing_runs_on_when_the_builder_is_killed(moment: str, local: LocalCase) -> None:
    child = start_creating(local, NAME)
    deadline = time.monotonic() + 60
    while not list(local.place.glob(moment)):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    child.kill()
    child.wait()
    while local.servers() or local.guards():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert guard.MARK + "whoever built it" in (local.place / "error.log").read_text()


def test_never_more_than_at_once(local: LocalCase) -> None:
    local.configure(at_once=2)

    def build(number: int) -> bool:
        try:
            local.create(f"{NAME}-{number}")
        except SandboxFullError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        built = list(pool.map(build, range(8)))
    assert sum(built) == len(list(local.sandbox.find())) == 2
    first, second = (number for number, was in enumerate(built) if was)
    assert build(first), "what exists needs no room"
    local.sandbox.destroy(f"{NAME}-{second}")
    assert build(7)
    assert not build(8)


def test_never_more_than_at_once_of_several_processes(local: LocalCase) -> None:
    children = [start_creating(local, f"{NAME}-{number}") for number in range(8)]
    said = [child.communicate(timeout=300)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 8
    assert sorted(said) == [b""] * 2 + [b"full\n"] * 6
    assert len(list(local.sandbox.find())) == 2


def test_what_has_expired_or_was_never_finished_takes_room(local: LocalCase) -> None:
    local.configure(at_once=1, lifetime=datetime.timedelta(seconds=0))
    (local.directory / f"{NAME}-half").mkdir(parents=True)
    with pytest.raises(SandboxFullError, match="1 exist, at most 1 may") as caught:
        local.create()
    assert caught.value.verdict == "unproven"
    assert [found.name for found in local.sandbox.find()] == [f"{NAME}-half"]


def start_creating(local: LocalCase, name: str) -> subprocess.Popen[bytes]:
    path = str(local.path[0]) if local.path else ""
    argv = [sys.executable, "-c", CREATE, str(local.directory), local.flavour, path, name]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE)
