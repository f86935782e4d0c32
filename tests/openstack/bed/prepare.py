"""Give the bed what a tenant finds, and write how to use it. Usage: prepare.py fake|libvirt BED.JSON

Of the kind libvirt the image is `libvirt.sh`'s own (`drill`); here it is some zeros.
"""

from __future__ import annotations

import io
import json
import pathlib
import sys

import openstack

URL = "http://127.0.0.1:5000/v3"
PASSWORD = "secret"
NETWORK = "10.77.0.0/24"
HOST_ADDRESS = "10.77.0.1"
ELSEWHERE = "192.0.2.10"


def connect(name: str) -> openstack.connection.Connection:
    return openstack.connect(
        auth_url=URL,
        username=name,
        password=PASSWORD,
        project_name=name,
        user_domain_name="Default",
        project_domain_name="Default",
        region_name="RegionOne",
    )


def main(kind: str, file: str) -> None:
    admin = connect("admin")
    if kind == "fake":
        data = io.BytesIO(bytes(65536))
        admin.create_image("drill", data=data, disk_format="raw", container_format="bare", visibility="public", wait=True)
    # huge: nothing here has room for it
    for name, memory, disk in (("small", 1024, 5), ("medium", 2048, 20), ("diskless", 1024, 0), ("huge", 1_000_000, 5)):
        admin.compute.create_flavor(name=name, ram=memory, vcpus=1, disk=disk)
    # security groups are asked for, so the network must have port security, although nothing enforces it here
    network = admin.network.create_network(
        name="lan", provider_network_type="flat", provider_physical_network="bed", is_shared=True, mtu=1500
    )
    admin.network.create_subnet(
        name="lan",
        network_id=network.id,
        ip_version=4,
        cidr=NETWORK,
        gateway_ip=None,  # a machine that is drilled on has no way to anywhere else
        is_dhcp_enabled=False,
        allocation_pools=[{"start": "10.77.0.100", "end": "10.77.0.200"}],
    )
    bed = {"kind": kind, "url": URL, "password": PASSWORD, "image": "drill", "network": "lan", "flavors": ["small", "medium"]}
    if kind == "libvirt":
        bed |= {"flavors": ["real"], "host_address": HOST_ADDRESS, "elsewhere": ELSEWHERE}
    pathlib.Path(file).write_text(json.dumps(bed, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
