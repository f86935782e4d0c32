"""Taking away what a sandbox was made of, and waiting until it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import novaclient.exceptions
import openstack.exceptions
from requests import codes

from include.proven.errors import SandboxError
from include.proven.sandboxes.nova_client import NovaClient, RefusedError

ATTACHED = "os-extended-volumes:volumes_attached"
TASK = "OS-EXT-STS:task_state"


def is_ending(server: Any) -> bool:
    """Return whether somebody has asked Nova to delete a server, and it is at it."""
    return getattr(server, TASK, None) in {"deleting", "soft-deleting"}


def remove_server(client: NovaClient, server: Any, deadline: float, poll_seconds: float) -> None:
    """Delete a server with its ports and volumes; return when they are gone. Raise SandboxError if they are not, by then.

    Ports and volumes go with their server, unless something fails there: then nothing leads to them any more.
    """
    volumes = [volume["id"] for volume in getattr(server, ATTACHED, [])]
    _until(lambda: _is_server_gone(client, server), f"server {server.name}", deadline, poll_seconds)
    with client.request(f"remove ports of {server.name}"):
        for port in list(client.sdk.network.ports(device_id=server.id, project_id=client.project)):
            client.sdk.network.delete_port(port.id)
    for volume in volumes:
        _until(lambda volume=volume: _is_volume_gone(client, volume), f"volume {volume}", deadline, poll_seconds)  # type: ignore[misc]


def remove_group(client: NovaClient, group: Any, deadline: float, poll_seconds: float) -> None:
    """Delete a security group with what is left in it; wait while something uses it. Its server must be gone."""
    _until(lambda: _is_group_gone(client, group), f"security group {group.name}", deadline, poll_seconds)


def _is_server_gone(client: NovaClient, server: Any) -> bool:
    """Look, and ask to delete it if nobody is at it: a delete that has failed leaves an ERROR."""
    with client.request(f"remove server {server.name}"):
        try:
            now = client.nova.servers.get(server.id)
            if now.status == "SOFT_DELETED":  # a cloud that keeps servers for a while keeps their ports as well
                client.nova.servers.force_delete(server.id)
            elif not is_ending(now):
                client.nova.servers.delete(server.id)
        except novaclient.exceptions.NotFound:
            return True
        return False


def _is_volume_gone(client: NovaClient, volume: str) -> bool:
    with client.request(f"remove volume {volume}"):
        try:
            now = client.sdk.block_storage.get_volume(volume)
            if now.status in {"available", "error", "error_deleting"}:
                client.sdk.block_storage.delete_volume(volume)
        except openstack.exceptions.NotFoundException:
            return True
        return False


def _is_group_gone(client: NovaClient, group: Any) -> bool:
    """Try to delete it; take away the ports in it that no server has any more."""
    try:
        with client.request(f"remove security group {group.name}"):
            for port in list(client.sdk.network.ports(security_group_ids=group.id, project_id=client.project)):
                if not _exists(client, port.device_id):
                    client.sdk.network.delete_port(port.id)
            client.sdk.network.delete_security_group(group.id)
    except RefusedError as error:
        if error.status != codes.conflict:
            raise
        return False
    return True


def _exists(client: NovaClient, server: str) -> bool:
    try:
        client.nova.servers.get(server)
    except novaclient.exceptions.NotFound:
        return False
    return True


def _until(is_gone: Callable[[], bool], thing: str, deadline: float, poll_seconds: float) -> None:
    while not is_gone():
        if time.monotonic() > deadline:
            raise SandboxError(f"nova: remove {thing}: it is not gone in time", hint="See in the cloud what it is busy with.")
        time.sleep(poll_seconds)
