"""A cloud for the tests, without an API: machines of `tests/servers/machine.py`, and security groups that are files.

All that it knows lies on disk, so that another process finds what a killed one has ordered. It tells the moment of an order in
whole seconds, as Nova and EC2 do. `faults` are what can go wrong in a cloud.

<directory>/groups/<name>.json      the "security group": made before the machine, and left when that never came to be
            orders/<name>.json      an order that was taken
            machines/<name>/        the machine
"""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Literal

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from include.proven.errors import SandboxError
from include.proven.sandboxes.cloud import Machine, Size, Spec
from tests.servers import machine

Fault = Literal["quota", "error", "no address", "no answer", "wrong host key", "no server", "slow cloud-init", "slow order"]
GIGABYTE = 10**9
SIZES = {
    "tiny": Size("tiny", memory_bytes=GIGABYTE // 2, disk_bytes=40 * GIGABYTE),
    "small": Size("small", memory_bytes=2 * 1024**3, disk_bytes=20 * GIGABYTE),
    "diskless": Size("diskless", memory_bytes=16 * 1024**3, disk_bytes=0),
}
REFUSED = "Quota exceeded for instances: Requested 1, but already used 10 of 10 (HTTP 403) (Request-ID: req-17)"
NO_HOST = "No valid host was found. There are not enough hosts available. (Request-ID: req-18)"


class Yard:
    """Machines in one directory. `sandboxes/cloud.py` says what each method does."""

    def __init__(self, directory: pathlib.Path, programs: Sequence[pathlib.Path], *faults: Fault) -> None:
        self.secret = "the-secret-of-the-yard"
        self.faults = set(faults)
        self.specs: list[Spec] = []
        """What was ordered of this object."""
        self._directory = directory
        self._programs = programs

    @property
    def machines(self) -> pathlib.Path:
        """Where its machines lie."""
        return self._directory / "machines"

    def sizes(self, names: Sequence[str]) -> list[Size]:
        """Return sizes by name."""
        if unknown := [name for name in names if name not in SIZES]:
            raise SandboxError(f"yard: there is no size {unknown[0]}")
        return [SIZES[name] for name in names]

    def start(self, spec: Spec) -> None:
        """Make the group, take the order, boot."""
        for folder in ("groups", "orders", "machines", "locks"):
            (self._directory / folder).mkdir(mode=0o711, parents=True, exist_ok=True)
        with (self._directory / "locks" / spec.name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._path("orders", spec.name).exists():
                return
            self.specs.append(spec)
            self._write("groups", spec, state="")
            if "quota" in self.faults:
                raise SandboxError(f"yard: start {spec.name}: no quota", detail=REFUSED)
            if "slow order" in self.faults:
                time.sleep(60)
            state = {"error": "failed", "no address": "building", "no answer": "silent"}
            self._write("orders", spec, state=next((state[fault] for fault in self.faults if fault in state), "booted"))
            if not self.faults & set(state):
                self._boot(spec)

    def find(self, sandbox: str, name: str = "") -> list[Machine]:
        """Return what is there, of a sandbox or by name."""
        found = [self._describe(path.stem) for path in sorted(self._directory.glob("groups/*.json"))]
        return [one for one in found if one and (one.name == name if name else one.tags["sandbox"] == sandbox)]

    def remove(self, name: str) -> bool:
        """Remove machine, order and group."""
        for standing in machine.find(self.machines):
            if standing.name == name:
                machine.remove(standing)
        there = [path for folder in ("orders", "groups") if (path := self._path(folder, name)).exists()]
        for path in there:
            path.unlink(missing_ok=True)
        return bool(there)

    def machine(self, name: str) -> machine.Machine:
        """Return a machine, to look into it as nobody could from outside."""
        return next(one for one in machine.find(self.machines) if one.name == name)

    def _boot(self, spec: Spec) -> None:
        data = yaml.safe_load(spec.user_data)
        if "wrong host key" in self.faults:
            data["ssh_keys"]["ed25519_private"] = new_key()
        if "slow cloud-init" in self.faults:
            data["runcmd"] = [["sh", "-c", "echo still unpacking; sleep 600"]]
        if "no server" in self.faults:
            data["runcmd"].insert(0, ["rm", "/usr/sbin/mariadbd", "/usr/local/bin/mysqld", "-f"])
        user_data = "#cloud-config\n" + yaml.safe_dump(data) if self.faults else spec.user_data
        machine.boot(self.machines, spec.name, user_data, programs=self._programs, ssh_port=spec.ssh_port)

    def _describe(self, name: str) -> Machine | None:
        try:
            group = json.loads(self._path("groups", name).read_text())
        except FileNotFoundError:  # removed meanwhile
            return None
        created = datetime.datetime.fromisoformat(group["created_at"])
        known = Machine(name, "debris", "", "", group["tags"], created)
        if not self._path("orders", name).exists():
            return known
        order = json.loads(self._path("orders", name).read_text())
        known = dataclasses.replace(known, size=order["size"], created_at=datetime.datetime.fromisoformat(order["created_at"]))
        match order["state"]:
            case "failed":
                return dataclasses.replace(known, state="failed", said=NO_HOST)
            case "silent":  # an address of TEST-NET-2, from which nothing ever comes back
                return dataclasses.replace(known, state="running", address="198.51.100.7")
        booted = next((one for one in machine.find(self.machines) if one.name == name), None)
        if order["state"] == "building" or booted is None:
            return dataclasses.replace(known, state="building")
        if not booted.alive:
            return dataclasses.replace(known, state="failed", said="it has stopped")
        return dataclasses.replace(known, state="running", address=booted.address)

    def _write(self, folder: str, spec: Spec, *, state: str) -> None:
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        record = {"tags": dict(spec.tags), "created_at": now.isoformat(), "size": spec.size.name, "state": state}
        new = self._directory / "locks" / f"{spec.name}.{folder}"
        new.write_text(json.dumps(record))
        new.rename(self._path(folder, spec.name))

    def _path(self, folder: str, name: str) -> pathlib.Path:
        return self._directory / folder / f"{name}.json"


def new_key() -> str:
    """Return a private key that nobody knows."""
    return (
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        .decode()
    )
