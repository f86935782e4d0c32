"""What can go wrong with a machine: each is told with its words within the time limit, and leaves nothing behind."""

from __future__ import annotations

import datetime
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from include.proven.errors import ConfigError, SandboxError
from include.proven.sandboxes.contract import SandboxFullError
from include.proven.sandboxes.machines import MachineSandbox
from tests.sandboxes.kinds import Case, Flavour, machine_config, open_machines
from tests.sandboxes.yard import NO_HOST, REFUSED, Fault, Yard
from tests.servers import machine

NAME = "proven-20261121t043600z-drill-1c9e22ab"
ROOT = pathlib.Path(__file__).parents[2]
SLOW = """
import pathlib, sys
from tests.sandboxes.kinds import a_server, open_machines
from include.proven.sandboxes.contract import Order
open_machines(pathlib.Path(sys.argv[1]), [], "slow order").create(Order(sys.argv[2], a_server("mariadb"), 1000))
"""


@pytest.fixture
def bed(directory: pathlib.Path, mariadb_path: list[pathlib.Path], machines_can_be_had: None) -> Case:
    """Machines with one flavour: what goes wrong here is not the database's."""
    place = directory / "sandboxes"
    return Case(open_machines(place, mariadb_path), "mariadb", place, mariadb_path, "machine")


def faulty(bed: Case, *faults: Fault, seconds: float = 60) -> MachineSandbox:
    """Open the yard with faults."""
    return open_machines(bed.directory, bed.path, *faults, ready_time_limit=datetime.timedelta(seconds=seconds))


def leaves_nothing(bed: Case) -> None:
    """What the drill's teardown does, and what must be there then."""
    bed.sandbox.destroy(NAME)
    assert list(bed.sandbox.find()) == []
    left = [path for folder in ("groups", "orders", "machines") for path in (bed.directory / folder).iterdir()]
    assert left == []


@pytest.mark.failure("C10")
def test_refused_quota_is_told_in_the_clouds_words(bed: Case) -> None:
    with pytest.raises(SandboxError) as caught:
        faulty(bed, "quota").create(bed.order(NAME))
    assert caught.value.detail == REFUSED
    assert caught.value.verdict == "unproven"
    assert [found.name for found in bed.sandbox.find()] == [NAME], "what was made before the refusal is found"
    leaves_nothing(bed)


@pytest.mark.failure("C10")
def test_machine_in_error_is_told_at_once_in_the_clouds_words(bed: Case) -> None:
    sandbox = faulty(bed, "error")
    sandbox.create(bed.order(NAME))
    begun = time.monotonic()
    with pytest.raises(SandboxError, match="has failed in the cloud") as caught:
        sandbox.ready(NAME)
    assert caught.value.detail == NO_HOST
    assert time.monotonic() - begun < 3
    leaves_nothing(bed)


def test_machine_that_failed_is_built_anew_by_the_next_create(bed: Case) -> None:
    faulty(bed, "error").create(bed.order(NAME))
    bed.create(NAME)
    assert bed.ask(NAME, "SELECT 1") == [["1"]]


@pytest.mark.parametrize(
    ("fault", "reached", "detail"),
    [
        ("no address", "it has no address", ""),
        ("no answer", "it lets nobody in by SSH", "198.51.100.7"),
        ("slow cloud-init", "cloud-init is not done", "still unpacking"),
    ],
)
def test_machine_that_is_not_ready_in_time_says_how_far_it_got(bed: Case, fault: Fault, reached: str, detail: str) -> None:
    sandbox = faulty(bed, fault, seconds=12)
    begun = time.monotonic()
    sandbox.create(bed.order(NAME))
    with pytest.raises(SandboxError, match=f"is not ready after 12 s: {reached}") as caught:
        sandbox.ready(NAME)
    assert detail in caught.value.detail
    assert caught.value.hint
    assert time.monotonic() - begun < 12 + 30, "the limit, and the last look"
    leaves_nothing(bed)


def test_wrong_host_key_is_an_error_at_once(bed: Case) -> None:
    sandbox = faulty(bed, "wrong host key")
    sandbox.create(bed.order(NAME))
    begun = time.monotonic()
    with pytest.raises(SandboxError, match="host key is not the one on record"):
        sandbox.ready(NAME)
    assert time.monotonic() - begun < 20, "it was not tried again until the time limit"
    leaves_nothing(bed)


def test_image_without_the_server_is_told_at_once_with_the_machines_words(bed: Case) -> None:
    sandbox = faulty(bed, "no server")
    sandbox.create(bed.order(NAME))
    begun = time.monotonic()
    with pytest.raises(SandboxError, match="could not start its database") as caught:
        sandbox.ready(NAME)
    assert "program mariadbd is not installed" in caught.value.detail
    assert time.monotonic() - begun < 20
    leaves_nothing(bed)


def test_server_that_refuses_its_settings_says_why(bed: Case) -> None:
    with pytest.raises(SandboxError, match="could not start its database") as caught:
        bed.create(NAME, sql_mode="NO_SUCH_MODE")
    assert "NO_SUCH_MODE" in caught.value.detail


def test_database_that_dies_later_is_dead_and_so_is_a_machine(bed: Case) -> None:
    bed.create(NAME)
    yard = open_yard(bed)
    assert yard.machine(NAME).run("pkill", "-KILL", "mariadbd").returncode == 0
    with pytest.raises(SandboxError, match=r"database of .* does not answer"):
        bed.sandbox.instance(NAME)
    machine.remove(yard.machine(NAME))
    with pytest.raises(SandboxError, match=NAME):
        bed.sandbox.instance(NAME)


@pytest.mark.failure("C10")
def test_kill_in_the_middle_of_an_order_leaves_debris_that_is_found_removed_and_built_over(bed: Case) -> None:
    child = subprocess.Popen([sys.executable, "-c", SLOW, str(bed.directory), NAME], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not (bed.directory / "groups" / f"{NAME}.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    (found,) = bed.sandbox.find()
    assert found.name == NAME
    with pytest.raises(SandboxError, match="only what is left of it"):
        bed.sandbox.ready(NAME)
    bed.create(NAME)
    leaves_nothing(bed)


def test_debris_takes_no_room(bed: Case) -> None:
    with pytest.raises(SandboxError):
        faulty(bed, "quota").create(bed.order(NAME))
    other = NAME[:-1]
    bed.reopen(at_once=1).create(bed.order(other))
    assert [found.name for found in bed.sandbox.find()] == [other, NAME]


def test_order_whose_controller_was_killed_before_it_gave_way_gives_way_when_it_is_asked_for_again(bed: Case) -> None:
    older, younger = NAME, NAME[:-1]
    bed.sandbox.create(bed.order(older))
    time.sleep(1)
    bed.sandbox.create(bed.order(younger))
    one_only = bed.reopen(at_once=1)
    with pytest.raises(SandboxFullError):
        one_only.create(bed.order(younger))
    one_only.create(bed.order(older))
    assert [found.name for found in bed.sandbox.find()] == [older]


def test_other_sandboxes_machines_are_not_ours(bed: Case) -> None:
    bed.sandbox.create(bed.order(NAME))
    other = MachineSandbox("another", machine_config(at_once=1), open_yard(bed), seed="")
    assert list(other.find()) == []


def test_without_a_secret_there_are_no_keys(bed: Case) -> None:
    yard = open_yard(bed)
    yard.secret = ""
    with pytest.raises(ConfigError, match="no secret") as caught:
        MachineSandbox("yard", machine_config(), yard, seed="")
    assert "`seed`" in caught.value.hint
    MachineSandbox("yard", machine_config(), yard, seed="x")


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_server_is_unprivileged_and_sees_no_network_at_all(
    directory: pathlib.Path, machines_can_be_had: None, flavour: Flavour, request: pytest.FixtureRequest
) -> None:
    path: list[pathlib.Path] = request.getfixturevalue(f"{flavour}_path")
    bed = Case(open_machines(directory / "sandboxes", path), flavour, directory / "sandboxes", path, "machine")
    bed.create(NAME)
    inside = open_yard(bed).machine(NAME)
    pid = inside.run("pgrep", "-U", "mysql", "-n").stdout.strip()
    status = inside.run("cat", f"/proc/{pid}/status").stdout
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert len(inside.run("cat", f"/proc/{pid}/net/dev").stdout.splitlines()) == 3, (
        "two of headings, and a loopback that is down"
    )
    assert inside.run("ss", "-Hltn", "( sport != 22 )").stdout == "", "nothing listens but sshd"
    closed = inside.run("su", "debian", "-c", "ls /run/mysqld/proven")
    assert "Permission denied" in closed.stderr


def open_yard(bed: Case) -> Yard:
    """Return the yard, without faults."""
    assert isinstance(bed.sandbox, MachineSandbox)
    assert isinstance(bed.sandbox.cloud, Yard)
    return bed.sandbox.cloud


def test_order_says_all_that_the_reaper_must_know(bed: Case) -> None:
    bed.sandbox.create(bed.order(NAME))
    (spec,) = open_yard(bed).specs
    assert set(spec.tags) >= {"owner", "sandbox", "instance", "database", "recovery_point", "drill", "created_at", "expires_at"}
    assert spec.size.name == "small", "the first whose memory suffices"
    assert spec.image == "debian-12"
