"""What a machine of EC2 leaves if it never came to be, or if it ended by itself: security groups, interfaces, volumes."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from include.proven.sandboxes import ec2_client
from include.proven.sandboxes.ec2_errors import RefusedError

LONG_AGO = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
BUSY = {"DependencyViolation", "InvalidGroup.InUse", "InvalidNetworkInterface.InUse", "VolumeInUse"}
"""What an instance that has just been terminated is still held for."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of thing, and how it is listed and deleted."""

    noun: str
    describe: str
    key: str
    identifier: str
    delete: str
    not_found: str
    status: str = ""
    """Field that tells its status."""
    tags: str = "Tags"


# In the order of deletion: a group is held by its interfaces.
KINDS = (
    Kind("volume", "describe_volumes", "Volumes", "VolumeId", "delete_volume", "InvalidVolume.NotFound", status="State"),
    Kind(
        "network interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId",
        "delete_network_interface", "InvalidNetworkInterfaceID.NotFound", status="Status", tags="TagSet",
    ),
    Kind(
        "security group", "describe_security_groups", "SecurityGroups", "GroupId",
        "delete_security_group", "InvalidGroup.NotFound",
    ),
)  # fmt: skip
GOING = {"deleting", "deleted"}
FREE = {"", "available", "error"}


@dataclasses.dataclass(frozen=True)
class Thing:
    """A volume, network interface or security group of a machine."""

    kind: Kind
    id: str
    status: str
    tags: Mapping[str, str]

    @property
    def name(self) -> str:
        """Name of its machine."""
        return self.tags.get("instance", "")

    @property
    def created_at(self) -> datetime.datetime:
        """When its machine was ordered; without that tag long ago."""
        stamp = self.tags.get("created_at")
        return datetime.datetime.fromisoformat(stamp) if stamp else LONG_AGO


def find(client: ec2_client.EC2Client, tags: Mapping[str, str]) -> list[Thing]:
    """Return all that has these tags and is not about to go."""
    found = []
    for kind in KINDS:
        for entry in client.tagged(kind.describe, kind.key, tags, tags_key=kind.tags):
            thing = Thing(kind, entry[kind.identifier], _status(kind, entry), ec2_client.read_tags(entry, kind.tags))
            if thing.status not in GOING:
                found.append(thing)
    return found


def delete(client: ec2_client.EC2Client, things: Iterable[Thing]) -> list[str]:
    """Delete what can be deleted now; say of the rest why it can't yet. Raise RefusedError if it never can be."""
    refusals = []
    for thing in things:
        if thing.status not in FREE:
            refusals.append(f"{thing.kind.noun} {thing.id} is {thing.status}")
            continue
        try:
            with client.request(f"delete {thing.kind.noun} {thing.id}", ignore={thing.kind.not_found}) as ec2:
                getattr(ec2, thing.kind.delete)(**{thing.kind.identifier: thing.id})
        except RefusedError as error:
            if error.code not in BUSY:
                raise
            refusals.append(f"{error.what}: {error.detail}")
    return refusals


def _status(kind: Kind, entry: Mapping[str, Any]) -> str:
    return str(entry[kind.status]) if kind.status else ""
