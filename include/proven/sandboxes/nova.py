"""Servers of OpenStack Nova. `cloud.py` says what each method does.

Of one name there is one server and one security group (`nova_groups.py`), and the volume that it may boot from. A server is
found by its metadata, a group by its description: neither is touched if these do not say that it is ours.
"""

from __future__ import annotations

import contextlib
import datetime
import math
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import openstack.exceptions
from requests import codes

from include.proven import connections, openstack_session
from include.proven.errors import SandboxError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes import nova_groups, nova_removal
from include.proven.sandboxes.cloud import OWNER, Machine, Size, Spec, State
from include.proven.sandboxes.nova_client import NovaClient, RefusedError

GIBIBYTE = 1024**3
MEBIBYTE = 1024**2
OUR_NAMES = "^proven-"
"""Every name is one of `ids.sandbox_name`."""
POLL_SECONDS = 2.0
GONE_SECONDS = 600.0

STATES: dict[str, State] = {
    "BUILD": "building",
    "REBUILD": "building",
    "ACTIVE": "running",
    "REBOOT": "running",
    "HARD_REBOOT": "running",
    "MIGRATING": "running",
    "DELETED": "ending",
    "SOFT_DELETED": "ending",
}
"""Nova's → ours; all others have failed: an ERROR, or somebody has stopped it."""


class NovaCloud:
    """One project of one region, with one set of credentials."""

    def __init__(
        self,
        config: fleet_sandboxes.NovaSandbox,
        connection: connections.Connection,
        *,
        poll_seconds: float = POLL_SECONDS,
        gone_seconds: float = GONE_SECONDS,
    ) -> None:
        self.secret = openstack_session.secret(connection)
        self._config = config
        self._client = NovaClient(connection)
        self._poll_seconds = poll_seconds
        self._gone_seconds = gone_seconds

    def sizes(self, names: Sequence[str]) -> list[Size]:
        """Return flavours. One whose disk is 0 always boots from a volume."""
        found = self._find_flavors(names)
        return [Size(flavor.name, flavor.ram * MEBIBYTE, flavor.disk * GIBIBYTE) for flavor in found]

    def start(self, spec: Spec) -> None:
        """Make the security group and ask for the server, unless one of that name exists."""
        if self._servers(spec.name):
            return
        (flavor,) = self._find_flavors([spec.size.name])
        image = self._find_id("image", spec.image, self._client.sdk.image.find_image, "images")
        network = self._find_id("network", self._config.network, self._client.sdk.network.find_network, "network")
        group = nova_groups.provide(self._client, spec, self._config.worker_networks)
        with self._client.request(f"start {spec.name}"):
            self._client.nova.servers.create(
                spec.name,
                None if spec.volume_bytes else image,
                flavor.id,
                nics=[{"net-id": network}],
                security_groups=[group, *self._config.security_groups],
                userdata=spec.user_data,
                meta=dict(spec.tags),
                config_drive=True,
                availability_zone=self._config.availability_zone,
                block_device_mapping_v2=[self._describe_volume(spec, image)] if spec.volume_bytes else None,
            )
        self._remove_surplus(spec.name)

    def find(self, sandbox: str, name: str = "") -> list[Machine]:
        """Return servers, and of other names the security groups that are left."""
        # groups first: what gets its server or loses it between the two is then shown as one or the other
        groups, servers = nova_groups.find(self._client, name or None), self._servers(name or None)
        names = {server.name for server in servers}
        machines = [self._describe(server) for server in servers if name or server.metadata.get("sandbox") == sandbox]
        debris: dict[str, Machine] = {}
        for group in groups:
            tags = nova_groups.read_description(group)
            if group.name not in names and (name or tags.get("sandbox") == sandbox):
                debris.setdefault(group.name, Machine(group.name, "debris", "", "", tags, read_time(group.created_at)))
        return sorted([*machines, *debris.values()], key=lambda machine: machine.name)

    def remove(self, name: str) -> bool:
        """Delete server, ports, volumes and security group, and wait until they are gone."""
        deadline = time.monotonic() + self._gone_seconds
        servers = self._servers(name)
        for server in servers:
            nova_removal.remove_server(self._client, server, deadline, self._poll_seconds)
        groups = nova_groups.find(self._client, name)
        for group in groups:
            nova_removal.remove_group(self._client, group, deadline, self._poll_seconds)
        return bool(servers or groups)

    def _servers(self, name: str | None = None) -> list[Any]:
        """Return our servers, of one exact name or all, always in the same order."""
        # Nova takes names for regular expressions, and finds them anywhere. By metadata it lets no mere member search.
        pattern = OUR_NAMES if name is None else f"^{re.escape(name)}$"
        with self._client.request("list servers" if name is None else f"look for {name}"):
            servers = self._client.nova.servers.list(search_opts={"name": pattern}, limit=-1)
        # one that is given its host between two pages stands on both: taken for two, it would be its own surplus
        once = {server.id: server for server in servers}.values()
        ours = [server for server in once if server.metadata.get("owner") == OWNER and name in (None, server.name)]
        return sorted(ours, key=lambda server: server.id)

    def _find_flavors(self, names: Sequence[str]) -> list[Any]:
        with self._client.request("list flavours"):
            known = {flavor.name: flavor for flavor in self._client.nova.flavors.list()}
        if missing := [name for name in names if name not in known]:
            raise SandboxError(
                f"nova: the project has no flavour {missing[0]}",
                detail=f"there are {', '.join(sorted(known))}",
                hint="Check `sizes` in the fleet file: `openstack flavor list` says what there is.",
            )
        return [known[name] for name in names]

    def _find_id(self, kind: str, name: str, find: Callable[..., Any], key: str) -> str:
        """Return the id of an image or network of that name or id, which stands under `key` in the fleet file."""
        with self._client.request(f"look for {kind} {name}"), contextlib.suppress(openstack.exceptions.NotFoundException):
            return str(find(name, ignore_missing=False).id)
        hint = f"Check `{key}` in the fleet file: `openstack {kind} list` says what there is."
        raise SandboxError(f"nova: the project has no {kind} {name}", hint=hint)

    def _describe_volume(self, spec: Spec, image: str) -> dict[str, Any]:
        kind = {"volume_type": self._config.volume_type} if self._config.volume_type else {}
        return {
            "uuid": image,
            "source_type": "image",
            "destination_type": "volume",
            "boot_index": 0,
            "volume_size": math.ceil(spec.volume_bytes / GIBIBYTE),
            "delete_on_termination": True,
            **kind,
        }

    def _remove_surplus(self, name: str) -> None:
        """Of several servers of one name leave the one with the smallest id.

        Nova lets names repeat. Whoever has asked looks afterwards, and the last one to look sees them all: the same one stays
        in everybody's eyes. (Not the oldest: a server's time is another one when it has been given its host.) A second
        security group does no harm until `remove` takes both.
        """
        deadline = time.monotonic() + self._gone_seconds
        for server in self._servers(name)[1:]:
            nova_removal.remove_server(self._client, server, deadline, self._poll_seconds)

    def _describe(self, server: Any) -> Machine:
        state = "ending" if nova_removal.is_ending(server) else STATES.get(server.status, "failed")
        addresses = [entry for entries in server.addresses.values() for entry in entries]
        addresses.sort(key=lambda entry: entry["version"])
        return Machine(
            name=server.name,
            state=state,
            address=addresses[0]["addr"] if addresses else "",
            size=server.flavor["original_name"],
            tags=dict(server.metadata),
            created_at=read_time(server.created),
            said=self._say(server) if state == "failed" else "",
        )

    def _say(self, server: Any) -> str:
        """Return Nova's words on why a server has failed, with the request that failed."""
        fault = getattr(server, "fault", None)
        words = f"{fault['code']} {fault['message']}" if fault else f"its status is {server.status}"
        try:
            with self._client.request(f"ask what was done to {server.name}"):
                actions = self._client.nova.instance_action.list(server)
        except RefusedError as error:
            if error.status != codes.not_found:
                raise
            actions = []  # removed this moment
        last = max(actions, key=lambda action: action.start_time).request_id if actions else "unknown"
        return f"{words} (server {server.id}, request {last})"


def read_time(text: str) -> datetime.datetime:
    """Return a time as Nova and Neutron write it."""
    return datetime.datetime.fromisoformat(text)
