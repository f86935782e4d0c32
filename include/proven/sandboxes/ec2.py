"""Machines of Amazon EC2. `cloud.py` says what each method does.

Of one name there is one security group (its name is the machine's), and one instance with its network interface and volumes.
All of them are given their tags in the request that makes them, and found by these alone.

An instance has no instance profile, and its metadata answers only to who has fetched a token in the same hop (IMDSv2), so that
there is no credential on it to be found. Its volumes are encrypted. What shuts it down from within terminates it.
"""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from include.proven import connections
from include.proven.errors import SandboxError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes import ec2_client, ec2_remains
from include.proven.sandboxes.cloud import OWNER, Machine, Size, Spec, State
from include.proven.sandboxes.ec2_errors import RefusedError

GIBIBYTE = 1024**3
MEBIBYTE = 1024**2
POLL_SECONDS = 5.0
SEEN_SECONDS = 30.0
"""What one request has made, the next may not see at once."""
GONE_SECONDS = 600.0
TOKENS = 16
"""So often may one name be started within a day or so: the time in which EC2 remembers the token of a terminated instance."""

STATES: dict[str, State] = {
    "pending": "building",
    "running": "running",
    "shutting-down": "ending",
    "stopping": "ending",
    "stopped": "failed",
}
"""EC2's → ours. `terminated` is gone."""

Found = TypeVar("Found")


class EC2Cloud:
    """One region of EC2, with one set of credentials."""

    def __init__(
        self,
        config: fleet_sandboxes.EC2Sandbox,
        connection: connections.Connection,
        *,
        poll_seconds: float = POLL_SECONDS,
        page_size: int = ec2_client.PAGE_SIZE,
    ) -> None:
        # Keys that end within hours are no seed: another task has others.
        temporary = bool(connection.extra.get("aws_session_token"))
        self.secret = "" if temporary else connection.password or connection.extra.get("aws_secret_access_key", "")
        self._config = config
        self._client = ec2_client.EC2Client(connection, page_size=page_size)
        self._poll_seconds = poll_seconds

    def sizes(self, names: Sequence[str]) -> list[Size]:
        """Return instance types. Their disk is 0, whatever instance store they have: EC2 boots from a volume."""
        found: dict[str, Size] = {}
        with self._client.request(f"describe instance types {', '.join(names)}") as ec2:
            for page in ec2.get_paginator("describe_instance_types").paginate(InstanceTypes=list(names)):
                for entry in page["InstanceTypes"]:
                    memory = entry["MemoryInfo"]["SizeInMiB"] * MEBIBYTE
                    found[entry["InstanceType"]] = Size(entry["InstanceType"], memory_bytes=memory, disk_bytes=0)
        if missing := [name for name in names if name not in found]:
            raise SandboxError(f"ec2: the region has no instance type {missing[0]}", hint="Check `sizes` in the fleet file.")
        return [found[name] for name in names]

    def start(self, spec: Spec) -> None:
        """Make the security group and ask for the instance, unless one of that name lives."""
        if any(is_alive(instance) for instance in self._instances(instance=spec.name)):
            return
        vpc, mappings = self._find_vpc(), self._map_devices(spec)
        group = self._make_group(spec, vpc)
        for number in range(1, TOKENS + 1):
            # The same for all that ask at this moment, so that EC2 makes one; another than that of what is terminated.
            token = spec.name if number == 1 else f"{spec.name}-{number}"
            if self._run(spec, token, group, mappings):
                return
        raise SandboxError(
            f"ec2: run instance {spec.name}: {TOKENS} instances of that name have ended",
            hint="See under Instances in the EC2 console why: their `State transition reason` tells.",
        )

    def find(self, sandbox: str, name: str = "") -> list[Machine]:
        """Return instances that are not terminated, and of other names what is left, with the words of a dead instance."""
        wanted = {"instance": name} if name else {"sandbox": sandbox}
        instances = self._instances(**wanted)
        found = {machine.name: machine for machine in map(self._describe, filter(is_alive, instances))}
        if not (name and found):  # who waits for one machine asks often
            words = {ec2_client.read_tags(instance).get("instance"): say(instance) for instance in instances}
            for thing in ec2_remains.find(self._client, {"owner": OWNER, **wanted}):
                said = words.get(thing.name, "")
                debris = Machine(thing.name, "debris", "", "", thing.tags, thing.created_at, said=said)
                found.setdefault(thing.name, debris)
        return sorted(found.values(), key=lambda machine: machine.name)

    def remove(self, name: str) -> bool:
        """Terminate the instance, wait until it is, and delete what does not go with it."""
        found = False
        if alive := [instance["InstanceId"] for instance in self._instances(instance=name) if is_alive(instance)]:
            found = True
            with self._client.request(f"terminate instance {name}", ignore={"InvalidInstanceID.NotFound"}) as ec2:
                ec2.terminate_instances(InstanceIds=alive)
            if not self._until(GONE_SECONDS, lambda: not any(map(is_alive, self._instances(instance=name)))):
                raise SandboxError(f"ec2: terminate instance {name}: it is not terminated after {GONE_SECONDS:.0f} s")
        tags = {"owner": OWNER, "instance": name}
        deadline = time.monotonic() + GONE_SECONDS
        while remains := ec2_remains.find(self._client, tags):
            found = True
            refusals = ec2_remains.delete(self._client, remains)
            if time.monotonic() > deadline:
                left = ", ".join(thing.id for thing in remains)
                raise SandboxError(f"ec2: remove what is left of {name}: {left} can't be deleted", detail="\n".join(refusals))
            if refusals:
                time.sleep(self._poll_seconds)
        return found

    def _instances(self, **tags: str) -> list[dict[str, Any]]:
        """Return the instances of ours that have these tags, the latest last; those lately terminated are among them."""
        wanted = {"owner": OWNER, **tags}
        filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in wanted.items()]
        reservations = self._client.listed("describe_instances", "Reservations", Filters=filters)
        instances = [instance for reservation in reservations for instance in reservation["Instances"]]
        ours = [instance for instance in instances if wanted.items() <= ec2_client.read_tags(instance).items()]
        return sorted(ours, key=lambda instance: instance["LaunchTime"])

    def _describe(self, instance: Mapping[str, Any]) -> Machine:
        tags = ec2_client.read_tags(instance)
        launched: datetime.datetime = instance["LaunchTime"]
        return Machine(
            name=tags.get("instance", ""),
            state=STATES.get(instance["State"]["Name"], "failed"),
            address=instance.get("PublicIpAddress" if self._config.public_address else "PrivateIpAddress", ""),
            size=instance["InstanceType"],
            tags=tags,
            created_at=launched.astimezone(datetime.UTC),
            said=say(instance),
        )

    def _find_vpc(self) -> str:
        with self._client.request(f"describe subnet {self._config.subnet}") as ec2:
            return str(ec2.describe_subnets(SubnetIds=[self._config.subnet])["Subnets"][0]["VpcId"])

    def _map_devices(self, spec: Spec) -> list[dict[str, Any]]:
        """Return the image's volumes as the instance shall have them: encrypted, and gone with it."""
        with self._client.request(f"describe image {spec.image}") as ec2:
            images = ec2.describe_images(ImageIds=[spec.image])["Images"]
        if not images or images[0].get("RootDeviceType") != "ebs":
            hint = "Check `images` in the fleet file: each is the id of an image that is backed by EBS."
            raise SandboxError(f"ec2: image {spec.image} is not there, or does not boot from a volume", hint=hint)
        (image,) = images
        key = {"KmsKeyId": self._config.kms_key} if self._config.kms_key else {}
        mappings = []
        for mapping in image["BlockDeviceMappings"]:
            if "Ebs" in mapping:
                wanted = spec.volume_bytes if mapping["DeviceName"] == image["RootDeviceName"] else 0
                size = max(mapping["Ebs"]["VolumeSize"], math.ceil(wanted / GIBIBYTE))
                volume = {"VolumeSize": size, "VolumeType": self._config.volume_type, **key}
                volume |= {"Encrypted": True, "DeleteOnTermination": True}
                mappings.append({"DeviceName": mapping["DeviceName"], "Ebs": volume})
        return mappings

    def _make_group(self, spec: Spec, vpc: str) -> str:
        """Return the id of the machine's security group, made if need be: SSH in from the workers' networks, and all out."""
        what = f"create security group {spec.name}"
        try:
            with self._client.request(what) as ec2:
                group = ec2.create_security_group(
                    GroupName=spec.name,
                    Description="Made by Proven for one drill: SSH from its workers",
                    VpcId=vpc,
                    TagSpecifications=specify_tags(spec, "security-group"),
                )["GroupId"]
        except RefusedError as error:
            if error.code != "InvalidGroup.Duplicate":
                raise
            # Of somebody who asks at this moment, or of a task that was killed here.
            tags = {"owner": OWNER, "instance": spec.name}
            groups = self._until(
                SEEN_SECONDS, lambda: self._client.tagged("describe_security_groups", "SecurityGroups", tags)
            )  # fmt: skip
            if not groups:
                raise
            group = groups[0]["GroupId"]
        with self._client.request(what) as ec2:
            ec2.get_waiter("security_group_exists").wait(GroupIds=[group])
        self._let_workers_in(spec, group)
        return str(group)

    def _let_workers_in(self, spec: Spec, group: str) -> None:
        networks = self._config.worker_networks
        if not networks:
            return
        rule = {
            "IpProtocol": "tcp",
            "FromPort": spec.ssh_port,
            "ToPort": spec.ssh_port,
            "IpRanges": [{"CidrIp": network} for network in networks if ":" not in network],
            "Ipv6Ranges": [{"CidrIpv6": network} for network in networks if ":" in network],
        }
        with self._client.request(f"authorize SSH to {spec.name}", ignore={"InvalidPermission.Duplicate"}) as ec2:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])

    def _run(self, spec: Spec, token: str, group: str, mappings: list[dict[str, Any]]) -> bool:
        """Ask for the instance. Return False if the token is spent: what was made by it has ended."""
        interface = {
            "DeviceIndex": 0,
            "SubnetId": self._config.subnet,
            "Groups": [group, *self._config.security_groups],
            "AssociatePublicIpAddress": self._config.public_address,
            "DeleteOnTermination": True,
        }
        try:
            with self._client.request(f"run instance {spec.name}") as ec2:
                answer = ec2.run_instances(
                    ClientToken=token,
                    MinCount=1,
                    MaxCount=1,
                    ImageId=spec.image,
                    InstanceType=spec.size.name,
                    UserData=spec.user_data,
                    NetworkInterfaces=[interface],
                    BlockDeviceMappings=mappings,
                    MetadataOptions={"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1},
                    InstanceInitiatedShutdownBehavior="terminate",
                    TagSpecifications=specify_tags(spec, "instance", "volume", "network-interface"),
                )
        except RefusedError as error:
            if error.code == "IdempotentInstanceTerminated":
                return False
            if error.code == "IdempotentParameterMismatch":  # somebody asked with other tags: for other minutes
                return self._until(SEEN_SECONDS, lambda: self._made_by(spec.name, token)) == "alive"
            raise
        return any(is_alive(instance) for instance in answer["Instances"])

    def _made_by(self, name: str, token: str) -> str:
        """Return whether the instance of a token is `alive` or `dead`; empty if it is not seen."""
        instances = [instance for instance in self._instances(instance=name) if instance.get("ClientToken") == token]
        return ("alive" if any(map(is_alive, instances)) else "dead") if instances else ""

    def _until(self, seconds: float, look: Callable[[], Found]) -> Found:
        """Look until something is seen, or so long; return what was seen last."""
        deadline = time.monotonic() + seconds
        while not (found := look()) and time.monotonic() < deadline:
            time.sleep(self._poll_seconds)
        return found


def is_alive(instance: Mapping[str, Any]) -> bool:
    """Return whether an instance still takes up room."""
    return bool(instance["State"]["Name"] != "terminated")


def say(instance: Mapping[str, Any]) -> str:
    """Return EC2's words on why an instance has ended, or nothing."""
    words = instance.get("StateReason", {}).get("Message", "")
    return f"{words} (instance {instance['InstanceId']})" if words else ""


def specify_tags(spec: Spec, *kinds: str) -> list[dict[str, Any]]:
    """Return the tags for what one request makes; `Name` is what EC2's console shows."""
    tags = [{"Key": key, "Value": value} for key, value in {"Name": spec.name, **spec.tags}.items()]
    return [{"ResourceType": kind, "Tags": tags} for kind in kinds]
