"""Nova's own details that need no cloud: what fits into a description, and what an error says. The rest: tests/openstack."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import Any, cast

import novaclient.exceptions
import openstack.exceptions
import pytest

from include.proven import connections
from include.proven.errors import SandboxError
from include.proven.sandboxes import nova_client, nova_groups, nova_removal

CLIENT = nova_client.NovaClient(connections.Connection("cloud", "openstack", "https://keystone.invalid/v3"))
TAGS = {
    "database": "shop",
    "drill": "20261121T043600Z-drill-1c9e22ab",
    "recovery_point": "20261121T043512Z-full-7f3a9c01",
    "created_at": "2026-11-21T13:47:00.123456+00:00",
    "expires_at": "2026-11-22T01:47:00.123456+00:00",
    "sandbox": "nova",
    "owner": "proven",
    "instance": "proven-x",
}


@dataclasses.dataclass
class Group:
    description: str
    name: str = "proven-x"


def test_all_tags_of_a_usual_sandbox_fit_into_the_description() -> None:
    text = nova_groups.write_description(TAGS)
    assert len(text) <= 255
    assert nova_groups.read_description(Group(text)) == TAGS


@pytest.mark.parametrize("sandbox", ["nova-" + "x" * 60, "größe & co = 100 %", "n" * 120])
def test_of_long_names_what_the_reaper_needs_is_kept(sandbox: str) -> None:
    text = nova_groups.write_description({**TAGS, "sandbox": sandbox, "database": "d" * 200})
    assert len(text) <= 255
    read = nova_groups.read_description(Group(text))
    assert {**TAGS, "sandbox": sandbox}.items() >= read.items()
    assert {"owner", "sandbox", "created_at", "expires_at"} <= read.keys()


@pytest.mark.parametrize("description", ["", "Default security group", "owner=somebody&sandbox=nova", None])
def test_a_group_that_does_not_say_so_is_not_ours(description: Any) -> None:
    assert nova_groups.read_description(Group(description)) == {}


@pytest.mark.parametrize(
    ("status", "words", "hint"),
    [
        (403, "Quota exceeded for instances: Requested 1", "quota"),
        (403, "Policy doesn't allow it", "role `member`"),
        (409, "Quota exceeded for resources: ['security_group']", "quota"),
        (500, "Unexpected API Error", "operators"),
        (503, "n/a", "operators"),
        (406, "Version 2.67 is not supported by the API", "too old"),
        (418, "I'm a teapot", "region_name of the connection cloud"),
    ],
)
def test_what_novas_refusal_says(status: int, words: str, hint: str) -> None:
    with pytest.raises(nova_client.RefusedError) as caught, CLIENT.request("start x"):
        raise novaclient.exceptions.ClientException(status, words, request_id="req-1")
    assert caught.value.what == f"nova: start x: {status}"
    assert caught.value.detail == f"{words} (request req-1)"
    assert hint in caught.value.hint


def test_what_is_no_error_of_the_cloud_is_not_made_one() -> None:
    with pytest.raises(ZeroDivisionError), CLIENT.request("start x"):
        _ = 1 / 0


def test_requests_with_the_machines_host_key_are_not_logged() -> None:
    assert not logging.getLogger("novaclient.v2.client").isEnabledFor(logging.DEBUG)


class Volumes:
    """Cinder's answers about one volume that Nova has forgotten to delete."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.deleted = 0

    def get_volume(self, volume: str) -> Any:
        if not self.statuses:
            raise openstack.exceptions.NotFoundException(volume)
        return type("Volume", (), {"status": self.statuses.pop(0)})

    def delete_volume(self, volume: str) -> None:
        self.deleted += 1


class Stub:
    """A cloud whose server is gone at once, without ports; its volumes are as they are told."""

    project = "p"

    def __init__(self, volumes: Volumes) -> None:
        self.block_storage = volumes
        self.sdk = self.nova = self.servers = self.network = self
        self.request = CLIENT.request

    def get(self, server: str) -> Any:
        raise novaclient.exceptions.NotFound(404)

    def ports(self, **_: str) -> list[Any]:
        return []


SERVER = type("Server", (), {"id": "s", "name": "proven-x", nova_removal.ATTACHED: [{"id": "v"}]})


@pytest.mark.parametrize(
    ("statuses", "deleted"),
    [((), 0), (("deleting", "deleting"), 0), (("in-use", "detaching", "available", "deleting"), 1), (("error_deleting",), 1)],
)
def test_a_volume_is_waited_for_and_deleted_if_nobody_else_does(statuses: tuple[str, ...], deleted: int) -> None:
    volumes = Volumes(*statuses)
    nova_removal.remove_server(cast("Any", Stub(volumes)), SERVER, time.monotonic() + 10, 0.0)
    assert (volumes.deleted, volumes.statuses) == (deleted, [])


def test_a_volume_that_stays_is_told_in_time() -> None:
    with pytest.raises(SandboxError, match="volume v: it is not gone in time"):
        nova_removal.remove_server(cast("Any", Stub(Volumes(*["in-use"] * 9))), SERVER, time.monotonic() - 1, 0.0)
