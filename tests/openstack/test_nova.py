"""NovaCloud on a real Nova whose compute host makes machines in its books only: what is asked for, kept, found and removed."""

from __future__ import annotations

import base64
import datetime
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import ids
from include.proven.errors import ConfigError, SandboxError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes import nova_groups
from include.proven.sandboxes.cloud import Machine, Size, Spec
from include.proven.sandboxes.nova import NovaCloud
from tests.openstack.tenant import Bed

pytestmark = pytest.mark.usefixtures("left")

GIBIBYTE = 1024**3
WORKERS = ["10.1.2.0/24", "2001:db8::/64"]
SMALL = Size("small", GIBIBYTE, 5 * GIBIBYTE)
SECONDS = 60


def configure(bed: Bed, **changes: Any) -> fleet_sandboxes.NovaSandbox:
    fields = {"kind": "nova", "connection": "openstack", "network": bed.network, "sizes": ["small"]}
    fields |= {"images": {"mariadb-10.11": bed.image}, "worker_networks": WORKERS}
    return fleet_sandboxes.NovaSandbox.model_validate({**fields, **changes})


@pytest.fixture
def cloud(bed: Bed) -> NovaCloud:
    return NovaCloud(configure(bed), bed.connection(), poll_seconds=0.2, gone_seconds=SECONDS)


@pytest.fixture
def name(cloud: NovaCloud) -> Iterator[str]:
    """A name, and whatever the test has made under it is removed."""
    name = ids.sandbox_name(ids.new_drill())
    yield name
    cloud.remove(name)


def specify(bed: Bed, name: str, *, size: Size = SMALL, volume_bytes: int = 0, **tags: str) -> Spec:
    now = datetime.datetime.now(datetime.UTC)
    known = {"owner": "proven", "sandbox": "nova", "instance": name, "flavour": "mariadb", "database": "shop", "drill": "d"}
    known |= {"recovery_point": "p", "created_at": now.isoformat(), "expires_at": now.isoformat()}
    return Spec(name, bed.image, size, volume_bytes, "#cloud-config\n# grüß\n", {**known, **tags}, ssh_port=2222)


def settled(cloud: NovaCloud, name: str) -> Machine:
    """Return the machine of that name when it is no longer being built."""
    deadline = time.monotonic() + SECONDS
    while True:
        (machine,) = cloud.find("nova", name)
        if machine.state != "building":
            return machine
        assert time.monotonic() < deadline, "it is still being built"
        time.sleep(0.2)


def test_sizes_are_the_clouds_in_the_order_asked_for(cloud: NovaCloud) -> None:
    assert cloud.sizes(["medium", "diskless"]) == [
        Size("medium", 2 * GIBIBYTE, 20 * GIBIBYTE),
        Size("diskless", GIBIBYTE, 0),
    ]


def test_a_size_that_is_not_there_is_named_with_those_that_are(cloud: NovaCloud) -> None:
    with pytest.raises(SandboxError, match="no flavour gigantic") as caught:
        cloud.sizes(["small", "gigantic"])
    assert "medium, small" in caught.value.detail


def test_a_machine_is_as_it_was_asked_for(bed: Bed, cloud: NovaCloud, name: str) -> None:
    spec = specify(bed, name)
    cloud.start(spec)
    machine = settled(cloud, name)
    assert (machine.name, machine.state, machine.size, machine.said) == (name, "running", "small", "")
    assert machine.address.startswith("10.77.0.")
    assert machine.tags == spec.tags
    assert abs((datetime.datetime.now(datetime.UTC) - machine.created_at).total_seconds()) < SECONDS
    server = bed.server(name)
    assert server.has_config_drive == "True"
    assert base64.b64decode(server.user_data).decode() == spec.user_data
    assert [group["name"] for group in server.security_groups] == [name]
    assert server.key_name is None


def test_ssh_is_let_in_from_the_workers_and_nothing_else(bed: Bed, cloud: NovaCloud, name: str) -> None:
    cloud.start(specify(bed, name))
    settled(cloud, name)
    (group,) = [group for group in bed.groups() if group.name == name]
    rules = [rule for rule in group.security_group_rules if rule["direction"] == "ingress"]
    seen = {(rule["remote_ip_prefix"], rule["protocol"], rule["port_range_min"], rule["port_range_max"]) for rule in rules}
    assert seen == {(network, "tcp", 2222, 2222) for network in WORKERS}
    (port,) = bed.api().network.ports()
    assert port.security_group_ids == [group.id]


def test_groups_of_the_fleet_come_besides(bed: Bed, name: str) -> None:
    extra = bed.api().network.create_security_group(name="from-the-office")
    cloud = NovaCloud(
        configure(bed, security_groups=["from-the-office"], worker_networks=[]), bed.connection(), poll_seconds=0.2
    )
    try:
        cloud.start(specify(bed, name))
        settled(cloud, name)
        assert {group["name"] for group in bed.server(name).security_groups} == {name, "from-the-office"}
        (group,) = [group for group in bed.groups() if group.name == name]
        assert [rule for rule in group.security_group_rules if rule["direction"] == "ingress"] == []
        cloud.remove(name)
    finally:
        bed.api().network.delete_security_group(extra.id)


def test_started_twice_is_one(bed: Bed, cloud: NovaCloud, name: str) -> None:
    cloud.start(specify(bed, name))
    first = bed.server(name).id
    cloud.start(specify(bed, name))
    assert bed.server(name).id == first
    assert [group.name for group in bed.groups()].count(name) == 1


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_that_ask_at_the_same_moment_one_stays(bed: Bed, name: str, attempt: int) -> None:
    barrier, spec, failed = threading.Barrier(2), specify(bed, name), []

    def ask() -> None:
        one = NovaCloud(configure(bed), bed.connection(), poll_seconds=0.2, gone_seconds=SECONDS)
        one._servers(name)  # logged in, and so at the same moment
        barrier.wait()
        try:
            one.start(spec)
        except Exception as error:  # told below
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not failed
    cloud = NovaCloud(configure(bed), bed.connection(), poll_seconds=0.2, gone_seconds=SECONDS)
    assert settled(cloud, name).state == "running"
    assert bed.server(name).status == "ACTIVE"  # and there is one only
    assert cloud.remove(name)


def test_names_are_compared_whole(bed: Bed, cloud: NovaCloud, name: str) -> None:
    longer = f"{name}-and-more"
    try:
        cloud.start(specify(bed, longer))
        assert cloud.find("nova", name) == []
        assert cloud.find("nova", name.replace("-", ".")) == []
        assert not cloud.remove(name)
        assert not cloud.remove("")
        assert bed.server(longer)
    finally:
        cloud.remove(longer)


def test_what_is_of_another_sandbox_is_found_by_that_only(bed: Bed, cloud: NovaCloud, name: str) -> None:
    cloud.start(specify(bed, name, sandbox="other"))
    assert cloud.find("nova") == []
    assert [machine.name for machine in cloud.find("other")] == [name]


def test_removed_is_gone_and_twice_is_fine(bed: Bed, cloud: NovaCloud, name: str) -> None:
    cloud.start(specify(bed, name))
    settled(cloud, name)
    assert cloud.remove(name) is True
    assert bed.everything() == {"servers": [], "ports": [], "groups": ["default"]}
    assert cloud.remove(name) is False
    assert cloud.find("nova") == []


def test_removed_while_it_is_built(bed: Bed, cloud: NovaCloud, name: str) -> None:
    cloud.start(specify(bed, name))
    assert cloud.remove(name) is True
    assert bed.everything() == {"servers": [], "ports": [], "groups": ["default"]}


KILLED = """
import os, signal, sys, json, pickle
from novaclient.v2 import servers
servers.ServerManager.create = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
config, connection, spec = pickle.load(sys.stdin.buffer)
from include.proven.sandboxes.nova import NovaCloud
NovaCloud(config, connection).start(spec)
"""


def test_killed_between_group_and_server_leaves_debris_that_is_found_and_removed(bed: Bed, cloud: NovaCloud, name: str) -> None:
    import pickle

    spec = specify(bed, name)
    given = pickle.dumps((configure(bed), bed.connection(), spec))
    done = subprocess.run([sys.executable, "-c", KILLED], input=given, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    (debris,) = cloud.find("nova")
    assert (debris.name, debris.state, debris.address) == (name, "debris", "")
    assert debris.tags["sandbox"] == "nova"
    assert debris.tags["created_at"] == spec.tags["created_at"]
    assert debris.tags["expires_at"] == spec.tags["expires_at"]
    assert cloud.remove(name) is True
    assert bed.everything()["groups"] == ["default"]


def test_a_group_that_a_killed_task_left_is_taken_up_again(bed: Bed, cloud: NovaCloud, name: str) -> None:
    spec = specify(bed, name)
    nova_groups.provide(cloud._client, spec, [])
    cloud.start(spec)
    (group,) = [group for group in bed.groups() if group.name == name]
    assert {rule["remote_ip_prefix"] for rule in group.security_group_rules if rule["direction"] == "ingress"} == set(WORKERS)


@pytest.fixture
def no_quota(bed: Bed) -> Iterator[None]:
    """Nobody of the project may have a server."""
    admin, project = bed.api("admin"), bed.api().current_project_id
    admin.set_compute_quotas(project, instances=0)
    yield
    admin.delete_compute_quotas(project)


@pytest.mark.usefixtures("no_quota")
def test_a_quota_is_told_in_the_clouds_words_with_the_request(bed: Bed, cloud: NovaCloud, name: str) -> None:
    with pytest.raises(SandboxError, match=f"start {name}: 403") as caught:
        cloud.start(specify(bed, name))
    assert "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances" in caught.value.detail
    assert "(request req-" in caught.value.detail
    assert "at_once" in caught.value.hint
    assert [machine.state for machine in cloud.find("nova", name)] == ["debris"]


def test_no_room_for_it_is_told_with_the_fault_and_the_request(bed: Bed, cloud: NovaCloud, name: str) -> None:
    admin, project = bed.api("admin"), bed.api().current_project_id
    admin.set_compute_quotas(project, ram=-1)
    try:
        cloud.start(specify(bed, name, size=cloud.sizes(["huge"])[0]))
        machine = settled(cloud, name)
    finally:
        admin.delete_compute_quotas(project)
    assert machine.state == "failed"
    assert "500 No valid host was found" in machine.said
    assert "request req-" in machine.said
    assert cloud.remove(name) is True
    assert bed.everything() == {"servers": [], "ports": [], "groups": ["default"]}


def test_a_volume_where_there_is_no_cinder_is_told(bed: Bed, cloud: NovaCloud, name: str) -> None:
    cloud.start(specify(bed, name, volume_bytes=7 * GIBIBYTE))
    machine = settled(cloud, name)
    assert machine.state == "failed"
    assert "request req-" in machine.said
    assert cloud.remove(name) is True


def test_one_that_was_stopped_has_failed(bed: Bed, cloud: NovaCloud, name: str) -> None:
    cloud.start(specify(bed, name))
    settled(cloud, name)
    bed.api().compute.stop_server(bed.server(name).id)
    deadline = time.monotonic() + SECONDS
    while (machine := settled(cloud, name)).state != "failed" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "its status is SHUTOFF" in machine.said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": "nowhere"}, "no network nowhere"),
        ({"security_groups": ["nobody"]}, "nobody"),
        ({"availability_zone": "mars"}, "availability zone is not available"),
    ],
)
def test_what_the_fleet_names_and_is_not_there_is_told(bed: Bed, name: str, changes: dict[str, Any], words: str) -> None:
    cloud = NovaCloud(configure(bed, **changes), bed.connection(), poll_seconds=0.2, gone_seconds=SECONDS)
    with pytest.raises(SandboxError) as caught:
        cloud.start(specify(bed, name))
        # what Nova finds out when it builds
        raise SandboxError("built", detail=settled(cloud, name).said)
    assert words in str(caught.value)
    cloud.remove(name)


def test_an_image_that_is_not_there_is_told_before_anything_is_made(bed: Bed, cloud: NovaCloud, name: str) -> None:
    spec = specify(bed, name)
    with pytest.raises(SandboxError, match="no image debian-99"):
        cloud.start(Spec(name, "debian-99", SMALL, 0, spec.user_data, spec.tags, 22))
    assert cloud.find("nova", name) == []


def test_a_wrong_password_is_told(bed: Bed) -> None:
    cloud = NovaCloud(configure(bed), bed.connection(password="wrong"))
    with pytest.raises(SandboxError, match="401") as caught:
        cloud.find("nova")
    assert "wrong" not in str(caught.value)
    assert "req-" in caught.value.detail


def test_a_region_without_nova_is_told(bed: Bed) -> None:
    extra = {**bed.connection().extra, "region_name": "Atlantis"}
    with pytest.raises(SandboxError, match="EndpointNotFound") as caught:
        NovaCloud(configure(bed), bed.connection(extra=extra)).sizes(["small"])
    assert "region_name" in caught.value.hint


def test_a_host_that_is_no_url_is_told(bed: Bed) -> None:
    with pytest.raises(ConfigError, match="no URL"):
        NovaCloud(configure(bed), bed.connection(host="keystone"))


def test_a_keystone_that_nobody_answers_for_is_told(bed: Bed) -> None:
    with pytest.raises(SandboxError, match="ConnectFailure"):
        NovaCloud(configure(bed), bed.connection(host="http://127.0.0.1:9/v3")).find("nova")


def test_an_application_credential_does_all_of_it_and_its_secret_is_the_seed(bed: Bed, name: str) -> None:
    connection = bed.application_credential()
    cloud = NovaCloud(configure(bed), connection, poll_seconds=0.2, gone_seconds=SECONDS)
    assert cloud.secret == connection.password
    cloud.start(specify(bed, name))
    assert settled(cloud, name).state == "running"
    assert cloud.remove(name) is True


def test_what_is_not_ours_is_neither_seen_nor_touched(bed: Bed, cloud: NovaCloud, name: str) -> None:
    """A server and a group of the same name and the same project, without our marks; and a stranger's with them."""
    api, stranger = bed.api(), bed.api("stranger")
    network = api.network.find_network(bed.network, ignore_missing=False).id
    image, flavor = (
        api.image.find_image(bed.image, ignore_missing=False).id,
        api.compute.find_flavor("small", ignore_missing=False).id,
    )
    asked = {"name": name, "image_id": image, "flavor_id": flavor, "networks": [{"uuid": network}]}
    foreign = api.compute.create_server(**asked)
    group = api.network.create_security_group(name=name, description="of the office")
    marked = stranger.compute.create_server(**asked, metadata=dict(specify(bed, name).tags))
    try:
        assert cloud.find("nova") == cloud.find("nova", name) == []
        assert cloud.remove(name) is False
        administrator = NovaCloud(configure(bed), bed.connection("admin"), poll_seconds=0.2)  # who sees more
        assert administrator.find("nova") == []
        assert administrator.remove(name) is False
        assert bed.server(name).status in {"BUILD", "ACTIVE"}
        assert stranger.compute.get_server(marked.id).status in {"BUILD", "ACTIVE"}
        assert api.network.get_security_group(group.id)
    finally:
        for owner, server in ((api, foreign), (stranger, marked)):
            owner.compute.delete_server(server.id)
            owner.compute.wait_for_delete(server, interval=0.2, wait=SECONDS)
        api.network.delete_security_group(group.id)


def test_somebody_elses_server_in_our_group_keeps_its_port(bed: Bed, name: str) -> None:
    cloud = NovaCloud(configure(bed), bed.connection(), poll_seconds=0.2, gone_seconds=2)
    group = nova_groups.provide(cloud._client, specify(bed, name), [])
    api = bed.api()
    foreign = api.compute.create_server(
        name="of-the-office",
        image_id=api.image.find_image(bed.image, ignore_missing=False).id,
        flavor_id=api.compute.find_flavor("small", ignore_missing=False).id,
        networks=[{"uuid": api.network.find_network(bed.network, ignore_missing=False).id}],
        security_groups=[{"name": group}],
    )
    try:
        api.compute.wait_for_server(foreign, interval=0.2, wait=SECONDS)
        with pytest.raises(SandboxError, match="not gone in time"):
            cloud.remove(name)
        assert len(list(api.network.ports(device_id=foreign.id))) == 1
    finally:
        api.compute.delete_server(foreign.id)
        api.compute.wait_for_delete(foreign, interval=0.2, wait=SECONDS)
    assert cloud.remove(name) is True


def test_a_port_that_nova_has_lost_goes_with_the_group(bed: Bed, cloud: NovaCloud, name: str) -> None:
    group = nova_groups.provide(cloud._client, specify(bed, name), [])
    api = bed.api()
    network = api.network.find_network(bed.network, ignore_missing=False).id
    api.network.create_port(network_id=network, security_groups=[group], device_id="00000000-0000-0000-0000-000000000000")
    assert cloud.remove(name) is True
    assert bed.everything()["ports"] == []
