"""The kinds of sandboxes that a fleet may name. The docstrings below the attributes are what an editor shows."""

from __future__ import annotations

import datetime
import pathlib
from typing import Annotated, Literal

import pydantic

from include.proven.fleet.fields import Duration, FilePath, Model, Rate, Text

Image = Annotated[str, pydantic.StringConstraints(pattern=r"^(mariadb|mysql)-\d+\.\d+$")]
"""A flavour and series of servers: `mariadb-10.11`, `mysql-9.7`."""


class SandboxModel(Model):
    """What every sandbox has."""

    space_factor: float = pydantic.Field(default=2.5, ge=1)
    """Free space that must be there before a restore, as a multiple of the dump's plain size."""
    lifetime: Duration = datetime.timedelta(hours=12)
    """After that the reaper takes it."""
    at_once: int = pydantic.Field(default=4, ge=1, le=1000)
    """The most of these sandboxes that may exist at a time; further drills wait for room."""
    wait_for_room: Duration = datetime.timedelta(hours=6)
    """A drill that has found no room for so long is unproven."""
    bandwidth_limit: Rate | None = None
    """The most that all of these sandboxes together may read from the stores; each gets its share. Unset: no limit."""
    prices: dict[Text, Annotated[float, pydantic.Field(ge=0)]] = {}
    """What an hour costs, by size (`m1.large: 0.12`; of the kind local: `local`), in a currency of yours, for reports."""


class LocalSandbox(SandboxModel):
    """A scratch server as a process of the worker: unprivileged user, unix socket only."""

    kind: Literal["local"]
    """A process of the worker."""
    directory: FilePath = pathlib.Path("/var/tmp/proven")  # noqa: S108  # folders below it are made with mode 0700 and random names
    """Where data directories are made, each in a folder of its own, mode 0700."""
    memory_limit: Annotated[int, pydantic.Field(ge=512)] | None = None
    """MiB of memory that one scratch server may hold (a cgroup's limit, where the machine allows it); unset: no limit."""


class MachineSandbox(SandboxModel):
    """What the machines of every cloud have."""

    images: Annotated[dict[Image, Text], pydantic.Field(min_length=1)]
    """Image by flavour and series of the database: `mariadb-10.11: debian-12`. It needs cloud-init, sshd and Python 3."""
    packages: dict[Image, list[Text]] = {}
    """Packages that cloud-init installs at the first boot, by flavour and series; unset: the image has all that is needed."""
    sizes: Annotated[list[Text], pydantic.Field(min_length=1)]
    """Flavours (EC2: instance types) to choose from: the first whose memory and disk suffice for the data is taken."""
    user: Text = "debian"
    """The image's login, which may use sudo without a password."""
    ssh_port: int = pydantic.Field(default=22, ge=1, le=65535)
    """Where the image's sshd listens."""
    worker_networks: list[Text] = []
    """Networks of the workers (`10.1.2.0/24`): only from there is SSH let in. Unset: the security groups below must do it."""
    seed: Text | None = None
    """Connection whose password the machines' one-time SSH keys are derived from, such as 32 random characters; unset: the
    secret of `connection`."""
    ready_time_limit: Duration = datetime.timedelta(minutes=15)
    """A machine that is not ready after that is destroyed, and the drill unproven."""


class NovaSandbox(MachineSandbox):
    """A server of OpenStack Nova."""

    kind: Literal["nova"]
    """OpenStack Nova."""
    connection: Text
    """Airflow connection id of type `openstack`, as a Swift store has it."""
    network: Text
    """Name or id of the network that the servers are put on."""
    security_groups: list[Text] = []
    """Security groups besides the one that is made for each sandbox."""
    volume_type: Text | None = None
    """Type of the volume where the flavour's disk is too small and the server boots from a volume; unset: Cinder's default."""
    availability_zone: Text | None = None
    """Unset: Nova chooses."""


class EC2Sandbox(MachineSandbox):
    """An instance of Amazon EC2."""

    kind: Literal["ec2"]
    """Amazon EC2."""
    connection: Text
    """Airflow connection id of type `aws`, as an S3 store has it."""
    subnet: Text
    """Id of the subnet that the instances are put on."""
    security_groups: list[Text] = []
    """Ids of security groups besides the one that is made for each sandbox."""
    volume_type: Text = "gp3"
    """Type of the root volume."""
    kms_key: Text | None = None
    """Key that the root volume is encrypted with; unset: the account's default. It is always encrypted."""
    public_address: bool = False
    """Reach it by its public address; unset: by its private one."""


Sandbox = Annotated[LocalSandbox | NovaSandbox | EC2Sandbox, pydantic.Field(discriminator="kind")]
