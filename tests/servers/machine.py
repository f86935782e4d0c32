"""A bare machine without a cloud: a root directory, a network and processes of its own, booted from user data.

`boot` is the hypervisor, `cloud_init.py` the firmware and cloud-init. All of a machine hangs on one process and dies with it:
its mounts, its network interface, its sshd, its database. What stands on disk says which machines there are, so that they are
found and ended by whoever knows the directory, also after a `kill -9` of whoever booted them. Needs root.

<directory>/<name>/machine.json    pid, address
                   root/ upper/ …  its disk
                   console.log     what cloud-init has said
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.servers.missing import give_up

CHECKOUT = pathlib.Path(__file__).parents[2]
GATEWAY = "10.213.0.1"
"""This machine, as the others see it."""
NETWORK = "10.213"
LOCK = pathlib.Path("/run/lock/proven-test-machines")
"""Held while an address is chosen."""
USERS = pathlib.Path("/run/lock/proven-test-gateway")
"""Held by each who uses the gateway's address."""
SECONDS = 20
PROGRAMS = ("unshare", "ip", "sshd", "sudo", "useradd", "nsenter")


@dataclasses.dataclass(frozen=True)
class Machine:
    """A machine that was booted. `alive` says whether it still runs."""

    name: str
    directory: pathlib.Path
    pid: int
    address: str

    @property
    def alive(self) -> bool:
        """Say whether it runs."""
        return str(self.directory).encode() in _command_line(self.pid)

    @property
    def root(self) -> pathlib.Path:
        """Its root directory as it sees it itself: a link that leads into its mounts."""
        return pathlib.Path(f"/proc/{_init_of(self.pid)}/root{self.directory}/root")

    def console(self) -> str:
        """Return what cloud-init has said."""
        return (self.directory / "console.log").read_text(errors="replace")

    def run(self, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program on it as root, as somebody at its console would."""
        inside = ["nsenter", f"--target={_init_of(self.pid)}", "--mount", "--net", "--pid", f"--root={self.root}", "--wd=/"]
        return subprocess.run([*inside, *argv], input=stdin, capture_output=True, text=True, check=False)


def boot(
    directory: pathlib.Path, name: str, user_data: str, *, programs: Sequence[pathlib.Path] = (), ssh_port: int = 22
) -> Machine:
    """Boot a machine in `directory` (which an unprivileged user can enter) and return it at once, as a cloud does.

    `programs` are directories whose programs its image holds besides those of this machine's /usr: MySQL's.
    """
    place = directory / name
    place.mkdir(mode=0o711, parents=True)
    (place / "user-data").write_text(user_data)
    argv = ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child=KILL", sys.executable, "-m"]
    argv += ["tests.servers.cloud_init", str(place), str(ssh_port), *(str(folder.resolve()) for folder in programs)]
    with (place / "console.log").open("ab") as console:
        process = subprocess.Popen(
            argv,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
    process.returncode = 0  # it is no child that anybody waits for: without this, Popen would warn that it still runs
    try:
        _wait_for(lambda: (place / "has-namespaces").exists())
        machine = Machine(name, place, process.pid, _plug_in(process.pid))
        _write(place / "machine.json", json.dumps({"pid": machine.pid, "address": machine.address}))
    except BaseException:
        os.kill(process.pid, signal.SIGKILL)
        raise
    return machine


def find(directory: pathlib.Path) -> list[Machine]:
    """Return every machine that was booted in `directory` and not removed."""
    return [_read(record.parent) for record in sorted(directory.glob("*/machine.json"))]


def remove(machine: Machine) -> None:
    """End a machine, if it still runs, and remove its disk."""
    if machine.alive:
        os.kill(machine.pid, signal.SIGKILL)
    _wait_for(lambda: not machine.alive)
    _wait_for(lambda: _removed(machine.directory))


def remove_all(directory: pathlib.Path) -> None:
    """End and remove all machines of a directory."""
    for machine in find(directory):
        remove(machine)


@pytest.fixture(scope="session")
def machines_can_be_had() -> None:
    """Skip (in CI: fail) where no machine can be made."""
    if os.geteuid() != 0:
        give_up("machines of the tests", "they need root")
    for program in PROGRAMS:
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            give_up("machines of the tests", f"program {program} is not installed")


@pytest.fixture
def gateway(machines_can_be_had: None) -> Iterator[str]:
    """Give the address at which servers of this machine are reached from the others, if they listen on it."""
    with USERS.open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        subprocess.run(["ip", "address", "replace", f"{GATEWAY}/32", "dev", "lo"], check=True)
        yield GATEWAY
        with contextlib.suppress(BlockingIOError):  # another run of the tests uses it: that one takes it away
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            subprocess.run(["ip", "address", "delete", f"{GATEWAY}/32", "dev", "lo"], check=True)


def _plug_in(pid: int) -> str:
    """Give the machine of that process an interface and an address. Its route leads to this machine and no further."""
    with _locked():
        listed = subprocess.run(["ip", "-o", "address"], capture_output=True, text=True, check=True).stdout
        address = next(
            found for number in range(1, 250 * 250)
            if f"peer {(found := f'{NETWORK}.{1 + number // 250}.{1 + number % 250}')}/" not in listed
        )  # fmt: skip
        outside = f"pv{pid}"
        for command in (
            f"link add {outside} type veth peer name eth0 netns {pid}",
            f"address add {GATEWAY} peer {address} dev {outside}",
            f"link set {outside} up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
    for command in (
        f"address add {address} peer {GATEWAY} dev eth0",
        "link set lo up",
        "link set eth0 up",
        f"route add default via {GATEWAY}",
    ):
        subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", *command.split()], check=True)
    return address


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(place: pathlib.Path) -> Machine:
    record = json.loads((place / "machine.json").read_text())
    return Machine(place.name, place, record["pid"], record["address"])


def _write(path: pathlib.Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def _command_line(pid: int) -> bytes:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _init_of(pid: int) -> int:
    """Return the machine's first process, as this machine counts."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _removed(place: pathlib.Path) -> bool:
    """Remove the disk; False while the kernel still takes the machine's mounts down."""
    try:
        shutil.rmtree(place)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError("a machine of the tests did not do what it should in time")
        time.sleep(0.02)
