"""EC2 with machines: the API is moto's (`moto_ec2.py`), and each of its instances is a machine of the tests.

The machine is booted from the user data that moto holds and has a real sshd and a real database. The front gives out its
address where moto tells the instance's.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from include.proven import connections
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes.ec2 import EC2Cloud
from include.proven.sandboxes.machines import MachineSandbox
from tests.sandboxes import moto_ec2
from tests.servers import machine

RECORD = "ec2.json"
TYPES = ["t3.nano", "t3.small", "r5.large"]


@dataclasses.dataclass
class Machines:
    """Machines of one directory, each named by its instance."""

    directory: pathlib.Path
    programs: Sequence[pathlib.Path]

    def boot(self, instance: str, user_data: str) -> str:
        """Boot a machine; return its address."""
        self.directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        return machine.boot(self.directory, instance, user_data, programs=self.programs).address

    def end(self, instance: str) -> None:
        """End a machine and remove its disk."""
        for found in machine.find(self.directory):
            if found.name == instance:
                machine.remove(found)

    def stopped(self) -> list[str]:
        """Return the machines that have ended by themselves."""
        return [found.name for found in machine.find(self.directory) if not found.alive]


@dataclasses.dataclass(frozen=True)
class Region:
    """EC2 as all tests share it, one after the other."""

    ec2: moto_ec2.EC2

    def lend(self, directory: pathlib.Path, programs: Sequence[pathlib.Path]) -> None:
        """Give it to one test, empty: its machines lie below `directory`, where `open_ec2` finds the way to it."""
        self.ec2.clear()
        self.ec2.front.hypervisor = Machines(directory / "machines", programs)
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        known = {"connection": self.describe_connection(), "subnet": self.ec2.subnet, "image": self.ec2.image}
        (directory / RECORD).write_text(json.dumps(known))

    def describe_connection(self) -> dict[str, Any]:
        """Return its connection as the file of connections has it."""
        known = self.ec2.connection()
        return {"conn_type": "aws", "login": known.login, "password": known.password, "extra": known.extra}

    def describe_sandbox(self, **changes: Any) -> dict[str, Any]:
        """Return what a fleet says of a sandbox there, whose connection is `amazon`."""
        return {**describe_sandbox(self.ec2.subnet, self.ec2.image), **changes}


def describe_sandbox(subnet: str, image: str) -> dict[str, Any]:
    """Return what a fleet says of a sandbox, with both flavours' images."""
    return {
        "kind": "ec2",
        "connection": "amazon",
        "subnet": subnet,
        "images": {"mariadb-10.11": image, "mysql-9.7": image},
        "sizes": TYPES,
        "worker_networks": [f"{machine.GATEWAY}/32"],
    }


def open_ec2(directory: pathlib.Path, path: list[pathlib.Path], **config: Any) -> MachineSandbox:
    """Open a sandbox of EC2 in a directory that it was lent to."""
    known = json.loads((directory / RECORD).read_text())
    connection = connections.parse_json("amazon", known["connection"])
    settings = {**describe_sandbox(known["subnet"], known["image"]), "ready_time_limit": datetime.timedelta(seconds=60)}
    sandbox = fleet_sandboxes.EC2Sandbox(**{**settings, **config})
    return MachineSandbox("ec2", sandbox, EC2Cloud(sandbox, connection, poll_seconds=0.1), seed="", settle_seconds=1.5)


@pytest.fixture(scope="session")
def ec2_region(machines_can_be_had: None) -> Iterator[Region]:
    """Run EC2 for all tests."""
    with moto_ec2.running_ec2() as running:
        yield Region(running)
