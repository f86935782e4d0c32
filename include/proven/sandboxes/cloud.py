"""The contract of a cloud: the few things in which Nova and EC2 differ. `machines.py` makes a sandbox of it.

A cloud knows nothing of databases, SSH or drills. Whatever is made carries the tags of its machine, so that it is found by them
if the machine itself never came to be. All errors are SandboxError with the cloud's own words and its request id in `detail`.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

State = Literal["building", "running", "failed", "ending", "debris"]
"""`debris`: no machine, only what was made for one (security group, volume)."""

OWNER = "proven"
"""Tag `owner` of all that is ours. The others: `sandbox` (its name in the fleet), `instance`, `database`, `recovery_point`,
`drill`, `created_at`, `expires_at` (ISO 8601, UTC)."""


@dataclasses.dataclass(frozen=True)
class Size:
    """A flavour or instance type."""

    name: str
    memory_bytes: int
    disk_bytes: int
    """Of its own; 0: it has none and always boots from a volume."""


@dataclasses.dataclass(frozen=True)
class Spec:
    """A machine to ask for."""

    name: str
    image: str
    size: Size
    volume_bytes: int
    """The disk that it shall boot from; 0: its size's own disk."""
    user_data: str
    tags: Mapping[str, str]
    ssh_port: int


@dataclasses.dataclass(frozen=True)
class Machine:
    """What exists under one name."""

    name: str
    state: State
    address: str
    """Where sshd is reached; empty while it has none."""
    size: str
    tags: Mapping[str, str]
    created_at: datetime.datetime
    said: str = ""
    """The cloud's own words on why it failed, with the request id."""


class Cloud(Protocol):
    """One region of one cloud, with one set of credentials."""

    secret: str
    """Of the credentials: the one-time SSH keys are derived from it where the fleet names no seed. Empty: there is none."""

    def sizes(self, names: Sequence[str]) -> list[Size]:
        """Return the sizes of those names, in their order. Raise SandboxError if the cloud does not know one."""

    def start(self, spec: Spec) -> None:
        """Ask for a machine with its security group: SSH from the workers' networks only, nothing else in; no instance
        profile or other credential on it. Return when the cloud has taken the order.

        A name that exists is left as it is; of two that ask at the same moment one machine stays.
        """

    def find(self, sandbox: str, name: str = "") -> list[Machine]:
        """Return everything of ours of that sandbox, or what has that exact name, in whatever state but gone."""

    def remove(self, name: str) -> bool:
        """Remove all that has that exact name: machine, volumes, ports, security group. Return when it is gone; False if there
        was nothing."""
