"""The security group of each sandbox: its name is the sandbox's, and its description carries the tags.

It is made before the server, so that whoever is killed between the two leaves something that tells whose it was. The tags stand
in the description because Neutron takes that in the same request; what Neutron calls tags would be a second one.
"""

from __future__ import annotations

import ipaddress
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from include.proven.sandboxes.cloud import OWNER, Spec
from include.proven.sandboxes.nova_client import NovaClient

DESCRIPTION_LENGTH = 255
IN_ORDER = ("owner", "sandbox", "created_at", "expires_at", "drill", "recovery_point", "database")
"""What must be known of a group comes first; what does not fit is left out. `instance` is the group's name."""


def write_description(tags: Mapping[str, str]) -> str:
    """Return tags as one text that fits into a description."""
    text = ""
    for key in IN_ORDER:
        longer = "&".join(filter(None, [text, urllib.parse.urlencode({key: tags[key]}, safe=":")])) if key in tags else text
        if len(longer) > DESCRIPTION_LENGTH:
            break
        text = longer
    return text


def read_description(group: Any) -> dict[str, str]:
    """Return the tags of a group; of one that is not ours, none."""
    tags = dict(urllib.parse.parse_qsl(group.description or ""))
    return {**tags, "instance": group.name} if tags.get("owner") == OWNER else {}


def find(client: NovaClient, name: str | None = None) -> list[Any]:
    """Return our groups of the project, of one exact name or all, the oldest first."""
    exact = {} if name is None else {"name": name}
    with client.request("list security groups"):
        groups = list(client.sdk.network.security_groups(project_id=client.project, **exact))
    ours = [group for group in groups if read_description(group) and name in (None, group.name)]
    return sorted(ours, key=lambda group: (group.created_at or "", group.id))


def provide(client: NovaClient, spec: Spec, worker_networks: Sequence[str]) -> str:
    """Return the id of the group of that name; if there is none, make it: SSH from the workers' networks, nothing else in."""
    known = find(client, spec.name)
    with client.request(f"make security group {spec.name}"):
        network = client.sdk.network
        group = known[0] if known else network.create_security_group(name=spec.name, description=write_description(spec.tags))
        # of a group that a killed task has left, a rule may be missing
        ruled = {rule["remote_ip_prefix"] for rule in group.security_group_rules if rule["direction"] == "ingress"}
        for address in worker_networks:
            prefix = str(ipaddress.ip_network(address, strict=False))
            if prefix not in ruled:
                network.create_security_group_rule(
                    security_group_id=group.id,
                    direction="ingress",
                    ethertype="IPv6" if ":" in prefix else "IPv4",
                    protocol="tcp",
                    port_range_min=spec.ssh_port,
                    port_range_max=spec.ssh_port,
                    remote_ip_prefix=prefix,
                )
    return str(group.id)
