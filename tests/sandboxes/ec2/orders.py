"""What the tests of EC2 order, and the cloud that they order it from."""

import pathlib
from typing import Any

from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes.cloud import Size, Spec
from include.proven.sandboxes.ec2 import EC2Cloud
from tests.sandboxes.moto_ec2 import EC2, Parameters

CHECKOUT = pathlib.Path(__file__).parents[3]
NAME = "proven-20261121t043600z-drill-1c9e22ab"
CREATED = "2026-11-21T04:36:00+00:00"
SIZE = Size("t3.small", memory_bytes=2 * 1024**3, disk_bytes=0)
WORKERS = ["10.1.2.0/24", "fd00:1::/64"]


def open_cloud(ec2: EC2, *, page_size: int = 500, **settings: Any) -> EC2Cloud:
    known: dict[str, Any] = {"subnet": ec2.subnet, "worker_networks": WORKERS, **settings}
    config = fleet_sandboxes.EC2Sandbox(
        kind="ec2", connection="proven_ec2", images={"mariadb-10.11": ec2.image}, sizes=["t3.small"], **known
    )
    return EC2Cloud(config, ec2.connection(), poll_seconds=0.02, page_size=page_size)


def a_spec(ec2: EC2, name: str = NAME, *, volume_bytes: int = 0, created: str = CREATED, image: str = "") -> Spec:
    tags = {"owner": "proven", "sandbox": "amazon", "instance": name, "created_at": created, "database": "shop"}
    return Spec(name, image or ec2.image, SIZE, volume_bytes, "#cloud-config\n{}\n", tags, ssh_port=2222)


def tags_of(entry: dict[str, Any], key: str = "Tags") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in entry[key]}


def run_request(ec2: EC2) -> Parameters:
    (parameters,) = ec2.requests("RunInstances")
    return parameters


def leave_debris(ec2: EC2) -> Spec:
    """Make what belongs to an instance that never came, and return the order."""
    spec = a_spec(ec2)
    tags = [{"Key": key, "Value": value} for key, value in spec.tags.items()]
    zone = f"{ec2.client.meta.region_name}a"
    ec2.client.create_volume(
        Size=1, AvailabilityZone=zone, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}]
    )  # fmt: skip
    ec2.client.create_network_interface(
        SubnetId=ec2.subnet, TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags}]
    )  # fmt: skip
    return spec
