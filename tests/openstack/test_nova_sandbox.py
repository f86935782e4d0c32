"""A sandbox of machines on a real Nova: no machine of the fake compute host ever answers, and none is left."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import ids
from include.proven.errors import SandboxError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.manifest import Server
from include.proven.sandboxes.contract import Order, SandboxFullError
from include.proven.sandboxes.machines import MachineSandbox
from include.proven.sandboxes.nova import NovaCloud
from tests.openstack.tenant import Bed

pytestmark = pytest.mark.usefixtures("left")

LIMIT = datetime.timedelta(seconds=60)
SOURCE = Server(flavour="mariadb", version="10.11.6-MariaDB", identity="x", hostname="x", settings={})


def open_sandbox(bed: Bed, **changes: Any) -> MachineSandbox:
    fields = {"kind": "nova", "connection": "openstack", "network": bed.network, "sizes": ["small", "medium"]}
    fields |= {"images": {"mariadb-10.11": bed.image}, "worker_networks": ["10.1.2.0/24"], "ready_time_limit": LIMIT}
    config = fleet_sandboxes.NovaSandbox.model_validate({**fields, **changes})
    return MachineSandbox("nova", config, NovaCloud(config, bed.connection(), poll_seconds=0.2), seed="", settle_seconds=1.5)


@pytest.fixture
def names(bed: Bed) -> Iterator[list[str]]:
    """Two names; what is made under them is destroyed."""
    names = [ids.sandbox_name(ids.new_drill()) for _ in range(2)]
    yield names
    for name in names:
        open_sandbox(bed).destroy(name)


def order(name: str, data_bytes: int = 1000) -> Order:
    drill = name.removeprefix("proven-")
    return Order(name, SOURCE, data_bytes, database="shop", recovery_point="20261121T020000Z-full-7f3a9c01", drill=drill)


def test_one_that_never_answers_is_unproven_in_time_and_nothing_is_left(bed: Bed, names: list[str]) -> None:
    sandbox = open_sandbox(bed)
    begun = time.monotonic()
    sandbox.create(order(names[0]))
    with pytest.raises(SandboxError, match="is not ready after 60 s: it lets nobody in by SSH") as caught:
        sandbox.ready(names[0])
    assert caught.value.verdict == "unproven"
    assert time.monotonic() - begun < LIMIT.total_seconds() + 30
    (found,) = sandbox.find()
    assert (found.name, found.size, found.database) == (
        names[0],
        "medium",
        "shop",
    )  # MariaDB and its machine need more than the 1 GiB of small
    assert found.expires_at - found.created_at == sandbox.config.lifetime
    assert sandbox.destroy(names[0]) is True
    assert sandbox.destroy(names[0]) is False
    assert bed.everything() == {"servers": [], "ports": [], "groups": ["default"]}


def test_one_that_nova_has_no_room_for_is_unproven_at_once_in_its_words(bed: Bed, names: list[str]) -> None:
    admin, project = bed.api("admin"), bed.api().current_project_id
    admin.set_compute_quotas(project, ram=-1)
    try:
        sandbox = open_sandbox(bed, sizes=["huge"], ready_time_limit="5m")
        sandbox.create(order(names[0]))
        with pytest.raises(SandboxError, match="has failed in the cloud") as caught:
            sandbox.ready(names[0])
    finally:
        admin.delete_compute_quotas(project)
    assert "No valid host was found" in caught.value.detail
    assert "request req-" in caught.value.detail
    assert sandbox.destroy(names[0]) is True


def test_no_more_than_may_be(bed: Bed, names: list[str]) -> None:
    sandbox = open_sandbox(bed, at_once=1)
    sandbox.create(order(names[0]))
    with pytest.raises(SandboxFullError):
        sandbox.create(order(names[1]))
    assert [found.name for found in sandbox.find()] == [names[0]]
