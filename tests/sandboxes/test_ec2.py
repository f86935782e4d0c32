"""EC2's API as we use it: what reaches it, that one name is one instance, what is found, and that nothing is left.

The API is moto's behind a front (`moto_ec2.py` says what moto can't do and what the front does about it). Permissions, quotas
and capacity are refused by the front in EC2's own form. What nothing here can show: that IAM takes our policy
(`docs/examples/ec2-policy.json`) as we mean it, how long EC2 remembers a token, and how late its listings are.
"""

from __future__ import annotations

import base64
import concurrent.futures
import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import errors
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes import ec2 as module
from include.proven.sandboxes.cloud import Size, Spec
from include.proven.sandboxes.ec2 import EC2Cloud
from tests.sandboxes.moto_ec2 import EC2, SECRET, Parameters, running_ec2

CHECKOUT = pathlib.Path(__file__).parents[2]
NAME = "proven-20261121t043600z-drill-1c9e22ab"
CREATED = "2026-11-21T04:36:00+00:00"
SIZE = Size("t3.small", memory_bytes=2 * 1024**3, disk_bytes=0)
WORKERS = ["10.1.2.0/24", "fd00:1::/64"]


@pytest.fixture(scope="module")
def server() -> Iterator[EC2]:
    with running_ec2() as running:
        yield running


@pytest.fixture
def ec2(server: EC2) -> Iterator[EC2]:
    yield server
    unused = [order.action for order in server.front.orders if order.times]
    server.clear()
    assert not unused, f"no request met the fault that was meant for {unused}"


@pytest.fixture
def cloud(ec2: EC2) -> EC2Cloud:
    return open_cloud(ec2)


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


def test_instance_has_no_credential_and_tells_its_metadata_to_itself_alone(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    asked = run_request(ec2)
    assert asked["MetadataOptions.HttpTokens"] == "required"
    assert asked["MetadataOptions.HttpPutResponseHopLimit"] == "1"
    assert not [key for key in asked if key.startswith(("IamInstanceProfile", "KeyName"))]
    (instance,) = ec2.instances()
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert "IamInstanceProfile" not in instance


def test_shutdown_from_within_terminates_the_instance(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    assert run_request(ec2)["InstanceInitiatedShutdownBehavior"] == "terminate"


def test_user_data_image_size_and_subnet_are_those_of_the_order(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    asked = run_request(ec2)
    assert base64.b64decode(asked["UserData"]) == b"#cloud-config\n{}\n"
    assert (asked["ImageId"], asked["InstanceType"]) == (ec2.image, "t3.small")
    assert asked["NetworkInterface.1.SubnetId"] == ec2.subnet
    assert (asked["MinCount"], asked["MaxCount"]) == ("1", "1")


@pytest.mark.parametrize(("volume_bytes", "gibibytes"), [(0, 15), (1, 15), (40 * 1024**3, 40), (40 * 1024**3 + 1, 41)])
def test_root_volume_is_encrypted_large_enough_and_goes_with_the_instance(
    ec2: EC2, cloud: EC2Cloud, volume_bytes: int, gibibytes: int
) -> None:
    cloud.start(a_spec(ec2, volume_bytes=volume_bytes))
    (volume,) = ec2.volumes()
    assert volume["Encrypted"] is True
    assert (volume["Size"], volume["VolumeType"]) == (gibibytes, "gp3")
    assert run_request(ec2)["BlockDeviceMapping.1.Ebs.DeleteOnTermination"] == "true"


def test_key_and_type_of_the_volume_may_be_chosen(ec2: EC2) -> None:
    key = "arn:aws:kms:eu-central-1:111111111111:key/0b1c2d3e-0000-4000-8000-0123456789ab"
    open_cloud(ec2, kms_key=key, volume_type="gp2").start(a_spec(ec2))
    (volume,) = ec2.volumes()
    assert (volume["KmsKeyId"], volume["VolumeType"]) == (key, "gp2")


def test_all_that_is_made_has_its_tags_from_the_first_moment(ec2: EC2, cloud: EC2Cloud) -> None:
    spec = a_spec(ec2)
    cloud.start(spec)
    (instance,), (group,), (volume,), (interface,) = ec2.instances(), ec2.groups(), ec2.volumes(), ec2.interfaces()
    wanted = {"Name": NAME, **spec.tags}
    assert tags_of(instance) == tags_of(group) == tags_of(volume) == tags_of(interface, "TagSet") == wanted
    assert "CreateTags" not in {asked["Action"] for asked in ec2.front.requests}


def test_only_ssh_from_the_workers_comes_in(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    (group,), (instance,) = ec2.groups(), ec2.instances()
    assert group["GroupName"] == NAME
    (rule,) = group["IpPermissions"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 2222, 2222)
    assert [entry["CidrIp"] for entry in rule["IpRanges"]] == WORKERS[:1]
    assert [entry["CidrIpv6"] for entry in rule["Ipv6Ranges"]] == WORKERS[1:]
    assert rule["UserIdGroupPairs"] == []
    assert [entry["GroupId"] for entry in instance["NetworkInterfaces"][0]["Groups"]] == [group["GroupId"]]


def test_without_networks_of_workers_nothing_comes_in_but_what_further_groups_let_in(ec2: EC2) -> None:
    (subnet,) = ec2.client.describe_subnets(SubnetIds=[ec2.subnet])["Subnets"]
    other = ec2.client.create_security_group(GroupName="bastion", Description="x", VpcId=subnet["VpcId"])["GroupId"]
    open_cloud(ec2, worker_networks=[], security_groups=[other]).start(a_spec(ec2))
    (own,) = [group for group in ec2.groups() if group["GroupName"] == NAME]
    assert own["IpPermissions"] == []
    (instance,) = ec2.instances()
    assert {entry["GroupId"] for entry in instance["NetworkInterfaces"][0]["Groups"]} == {own["GroupId"], other}


@pytest.mark.parametrize("public", [False, True])
def test_address_is_the_one_that_the_fleet_asks_for(ec2: EC2, public: bool) -> None:
    cloud = open_cloud(ec2, public_address=public)
    cloud.start(a_spec(ec2))
    (machine,), (instance,) = cloud.find("amazon"), ec2.instances()
    assert machine.address == instance["PublicIpAddress" if public else "PrivateIpAddress"] != ""
    assert ("PublicIpAddress" in instance) == public


def test_name_that_exists_is_left_as_it_is(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    cloud.start(a_spec(ec2, created="2026-11-21T04:40:00+00:00", volume_bytes=10**12))
    (machine,) = cloud.find("amazon")
    assert machine.tags["created_at"] == CREATED
    assert len(ec2.requests("RunInstances")) == 1


@pytest.mark.parametrize("same", [True, False], ids=["same_order", "other_tags"])
def test_of_those_that_ask_at_the_same_moment_one_gets_an_instance(ec2: EC2, same: bool) -> None:
    barriers = {action: threading.Barrier(4, timeout=20) for action in ("CreateSecurityGroup", "RunInstances")}
    ec2.front.before = lambda asked: barriers[asked["Action"]].wait() if asked["Action"] in barriers else None
    specs = [a_spec(ec2, created=CREATED if same else CREATED.replace("36", str(36 + number))) for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda spec: open_cloud(ec2).start(spec), specs))
    assert len(ec2.requests("RunInstances")) == 4
    assert len({asked["TagSpecification.1.Tag.5.Value"] for asked in ec2.requests("RunInstances")}) == (1 if same else 4)
    assert (len(ec2.instances()), len(ec2.groups()), len(ec2.volumes())) == (1, 1, 1)


def test_instance_whose_answer_was_lost_is_not_made_twice(ec2: EC2, cloud: EC2Cloud) -> None:
    ec2.lose_answer("RunInstances")
    ec2.lose_answer("CreateSecurityGroup")
    cloud.start(a_spec(ec2))
    assert len(ec2.requests("RunInstances")) == 2
    assert (len(ec2.instances()), len(ec2.groups())) == (1, 1)


@pytest.mark.parametrize("created", [CREATED, "2026-11-21T05:00:00+00:00"], ids=["same_order", "other_tags"])
def test_name_may_be_started_again_after_its_instance_was_removed(ec2: EC2, cloud: EC2Cloud, created: str) -> None:
    for count in range(1, 4):
        cloud.start(a_spec(ec2, created=created if count > 1 else CREATED))
        assert len(ec2.instances()) == 1
        assert cloud.remove(NAME) is True
    tokens = [asked["ClientToken"] for asked in ec2.requests("RunInstances")]
    assert tokens[0] == tokens[1] == NAME
    assert tokens[-1] == f"{NAME}-3"
    assert max(map(len, tokens)) <= 64, "EC2 takes no longer ones"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("pending", "building"),
        ("running", "running"),
        ("shutting-down", "ending"),
        ("stopping", "ending"),
        ("stopped", "failed"),
    ],
)
def test_state_is_told_in_our_words(ec2: EC2, cloud: EC2Cloud, theirs: str, ours: str) -> None:
    cloud.start(a_spec(ec2))
    ec2.change("DescribeInstances", "<name>running</name>", f"<name>{theirs}</name>")
    (machine,) = cloud.find("amazon")
    assert (machine.name, machine.state, machine.size) == (NAME, ours, "t3.small")
    assert abs(machine.created_at - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)


def test_stopped_instance_has_failed_and_says_why(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    (instance,) = ec2.instances()
    ec2.client.stop_instances(InstanceIds=[instance["InstanceId"]])
    (machine,) = cloud.find("amazon", NAME)
    assert machine.state == "failed"
    assert "Client.UserInitiatedShutdown" in machine.said
    assert instance["InstanceId"] in machine.said


def test_instance_that_died_by_itself_leaves_debris_and_its_last_words(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    ec2.client.terminate_instances(InstanceIds=[ec2.instances()[0]["InstanceId"]])
    words = "Server.InternalError: Internal error on launch"
    ec2.change("DescribeInstances", "Client.UserInitiatedShutdown: User initiated shutdown", words)
    (machine,) = cloud.find("amazon", NAME)
    assert (machine.state, machine.address) == ("debris", "")
    assert words in machine.said
    assert machine.tags["database"] == "shop"
    assert machine.created_at.isoformat() == CREATED
    assert cloud.remove(NAME) is True
    assert ec2.left() == []


def test_instance_that_died_is_replaced_by_the_next_start(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    ec2.client.terminate_instances(InstanceIds=[ec2.instances()[0]["InstanceId"]])
    cloud.start(a_spec(ec2))
    assert [machine.state for machine in cloud.find("amazon")] == ["running"]
    assert len(ec2.groups()) == 1


def test_what_was_made_for_an_instance_that_never_came_is_found_and_removed(ec2: EC2, cloud: EC2Cloud) -> None:
    spec = a_spec(ec2)
    tags = [{"Key": key, "Value": value} for key, value in spec.tags.items()]
    zone = f"{ec2.client.meta.region_name}a"
    ec2.client.create_volume(
        Size=1, AvailabilityZone=zone, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}]
    )  # fmt: skip
    ec2.client.create_network_interface(
        SubnetId=ec2.subnet, TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags}]
    )  # fmt: skip
    (machine,) = cloud.find("amazon")
    assert (machine.name, machine.state, machine.tags) == (NAME, "debris", spec.tags)
    assert cloud.remove(NAME) is True
    assert ec2.left() == []


def test_find_sees_one_sandbox_of_the_fleet_and_nothing_of_others(ec2: EC2, cloud: EC2Cloud) -> None:
    names = [f"{NAME[:-1]}{number}" for number in range(3)]
    for name, change in zip(names, ({}, {"sandbox": "other"}, {"owner": "somebody"}), strict=True):
        spec = a_spec(ec2, name)
        cloud.start(dataclasses.replace(spec, tags={**spec.tags, **change}))
    assert [machine.name for machine in cloud.find("amazon")] == names[:1]
    assert [machine.name for machine in cloud.find("amazon", names[1])] == names[1:2], "by its name it is found anywhere"
    assert cloud.find("amazon", names[2]) == []
    assert cloud.find("ama*") == cloud.find("amazon", NAME[:-1]) == cloud.find("amazon", f"{NAME[:-1]}?") == []
    assert cloud.remove(names[2]) is False, "what is not ours is left alone"
    assert len(ec2.instances()) == 3


def test_find_reads_all_pages(ec2: EC2) -> None:
    cloud = open_cloud(ec2, page_size=5)
    names = [f"{NAME[:-2]}{number:02}" for number in range(12)]
    for name in reversed(names):
        cloud.start(a_spec(ec2, name))
    ec2.front.requests.clear()
    assert [machine.name for machine in cloud.find("amazon")] == names
    assert len(ec2.requests("DescribeInstances")) == 3


def test_remove_leaves_nothing_and_a_second_finds_nothing(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    assert cloud.remove(NAME) is True
    assert ec2.left() == []
    assert cloud.find("amazon") == []
    assert cloud.remove(NAME) is False


def test_remove_matches_names_exactly(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    for other in (NAME[:-1], f"{NAME[:-1]}*", f"{NAME}0", "*"):
        assert cloud.remove(other) is False
    assert len(ec2.instances()) == 1


def test_remove_returns_when_the_instance_is_terminated(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    ec2.change("DescribeInstances", "<name>running</name>", "<name>pending</name>")  # the first look
    ec2.change("DescribeInstances", "<name>terminated</name>", "<name>shutting-down</name>", times=3)
    before = len(ec2.front.requests)
    assert cloud.remove(NAME) is True
    actions = [asked["Action"] for asked in ec2.front.requests[before:]]
    assert actions.count("DescribeInstances") == 1 + 3 + 1
    assert actions.index("DeleteSecurityGroup") > max(i for i, action in enumerate(actions) if action == "DescribeInstances")


def test_group_that_is_still_held_is_deleted_later(ec2: EC2, cloud: EC2Cloud) -> None:
    cloud.start(a_spec(ec2))
    ec2.refuse("DeleteSecurityGroup", "DependencyViolation", "resource sg-1 has a dependent object", times=3)
    assert cloud.remove(NAME) is True
    assert len(ec2.requests("DeleteSecurityGroup")) == 4
    assert ec2.left() == []


def test_group_that_stays_held_is_named(ec2: EC2, cloud: EC2Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.start(a_spec(ec2))
    monkeypatch.setattr(module, "GONE_SECONDS", 0.1)
    ec2.refuse("DeleteSecurityGroup", "DependencyViolation", "resource sg-1 has a dependent object", times=9)
    (group,) = ec2.groups()
    with pytest.raises(errors.SandboxError, match=f"{group['GroupId']} can't be deleted") as caught:
        cloud.remove(NAME)
    assert "has a dependent object" in caught.value.detail
    ec2.front.orders.clear()


def test_instance_that_never_ends_is_named(ec2: EC2, cloud: EC2Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.start(a_spec(ec2))
    monkeypatch.setattr(module, "GONE_SECONDS", 0.1)
    ec2.refuse("TerminateInstances", "InvalidInstanceID.NotFound")
    with pytest.raises(errors.SandboxError, match=f"terminate instance {NAME}: it is not terminated after"):
        cloud.remove(NAME)


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        ("InsufficientInstanceCapacity", "We currently do not have sufficient t3.small capacity", "no room for that type"),
        ("VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of 0", "higher quota"),
        ("InstanceLimitExceeded", "You have requested more instances (2) than your current instance limit", "higher quota"),
        ("UnauthorizedOperation", "You are not authorized to perform this operation.", "the permission ec2:RunInstances"),
        ("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet", "larger `subnet`"),
        ("InvalidGroup.NotFound", "The security group 'sg-00000000000000000' does not exist", "Check `security_groups`"),
        ("SomethingNew", "Whatever Amazon thinks of next", "region_name"),
    ],
)
def test_refusal_is_told_with_words_request_id_and_hint_and_leaves_nothing_unfound(
    ec2: EC2, cloud: EC2Cloud, code: str, words: str, hint: str
) -> None:
    ec2.refuse("RunInstances", code, words)
    with pytest.raises(errors.SandboxError, match=f"ec2: run instance {NAME}: {code}") as caught:
        cloud.start(a_spec(ec2))
    assert caught.value.verdict == "unproven"
    assert words in caught.value.detail
    assert "request ea966190-f9aa-478e-9ede-example00001" in caught.value.detail
    assert hint in caught.value.hint
    assert SECRET not in str(caught.value)
    assert [(machine.name, machine.state) for machine in cloud.find("amazon")] == [(NAME, "debris")]
    assert cloud.remove(NAME) is True
    assert ec2.left() == []


@pytest.mark.parametrize(
    ("settings", "image", "code", "hint"),
    [
        ({}, "ami-00000000000000000", "InvalidAMIID.NotFound", "Check `images`"),
        ({"subnet": "subnet-00000000000000000"}, "", "InvalidSubnetID.NotFound", "Check `subnet`"),
    ],
)
def test_wrong_fleet_is_named_before_anything_is_made(
    ec2: EC2, settings: dict[str, Any], image: str, code: str, hint: str
) -> None:
    with pytest.raises(errors.SandboxError, match=code) as caught:
        open_cloud(ec2, **settings).start(a_spec(ec2, image=image))
    assert hint in caught.value.hint
    assert "does not exist" in caught.value.detail
    assert ec2.left() == []


def test_busy_api_is_asked_again(ec2: EC2, cloud: EC2Cloud) -> None:
    for action in ("DescribeInstances", "RunInstances", "CreateSecurityGroup"):
        ec2.refuse(action, "RequestLimitExceeded", "Request limit exceeded.")
    cloud.start(a_spec(ec2))
    assert len(ec2.instances()) == 1


def test_api_that_is_not_there_is_named(ec2: EC2) -> None:
    cloud = open_cloud(ec2)
    extra = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"total_max_attempts": 1}}}
    lost = dataclasses.replace(ec2.connection(), extra={**ec2.connection().extra, **extra})
    with pytest.raises(errors.SandboxError, match=r"describe instances: it can't be reached") as caught:
        EC2Cloud(cloud._config, lost).find("amazon")
    assert "`endpoint_url`" in caught.value.hint


def test_region_is_needed(ec2: EC2, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    nowhere = dataclasses.replace(ec2.connection(), extra={})
    with pytest.raises(errors.SandboxError, match="boto3 refuses") as caught:
        EC2Cloud(open_cloud(ec2)._config, nowhere).find("amazon")
    assert "`region_name`" in caught.value.hint


def test_sizes_come_in_their_order_and_boot_from_a_volume(cloud: EC2Cloud) -> None:
    names = ["r5.large", "t3.small", "m5d.large"]
    found = cloud.sizes(names)
    assert [size.name for size in found] == names
    assert [size.memory_bytes // 1024**3 for size in found] == [16, 2, 8]
    assert [size.disk_bytes for size in found] == [0, 0, 0], "an instance store does not hold the system"


def test_unknown_size_is_named(cloud: EC2Cloud) -> None:
    with pytest.raises(errors.SandboxError, match="InvalidInstanceType") as caught:
        cloud.sizes(["t3.small", "t3.gigantic"])
    assert "t3.gigantic" in caught.value.detail
    assert "Check `sizes`" in caught.value.hint


def test_seed_is_the_secret_of_keys_that_stay(ec2: EC2, cloud: EC2Cloud) -> None:
    assert cloud.secret == SECRET
    of_role = dataclasses.replace(ec2.connection(), login="", password="")
    of_extra = dataclasses.replace(of_role, extra={**of_role.extra, "aws_secret_access_key": "in-the-extra"})
    temporary = ec2.connection(aws_session_token="token")
    secrets = [EC2Cloud(cloud._config, connection).secret for connection in (of_role, of_extra, temporary)]
    assert secrets == ["", "in-the-extra", ""]


def test_policy_that_we_publish_allows_all_that_is_asked_for_and_nothing_else(ec2: EC2, cloud: EC2Cloud) -> None:
    policy = json.loads((CHECKOUT / "docs/examples/ec2-policy.json").read_text())
    allowed: set[str] = set()
    for statement in policy["Statement"]:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            allowed |= {actions} if isinstance(actions, str) else set(actions)
    cloud.sizes(["t3.small"])
    cloud.start(a_spec(ec2))
    cloud.find("amazon")
    cloud.remove(NAME)
    test_what_was_made_for_an_instance_that_never_came_is_found_and_removed(ec2, cloud)
    asked = {f"ec2:{asked['Action']}" for asked in ec2.front.requests}
    by_tags_in_requests = {"ec2:CreateTags"}
    assert {action for action in allowed if action.startswith("ec2:")} == asked | by_tags_in_requests


AIRFLOW = """
import json, sys
from proven_airflow import connections as edge
from include.proven import connections
from include.proven.fleet import sandboxes
from include.proven.sandboxes.ec2 import EC2Cloud
edge.install()
config = sandboxes.EC2Sandbox(kind="ec2", connection="amazon", subnet=sys.argv[1], images={"mysql-9.7": "x"}, sizes=["x"])
cloud = EC2Cloud(config, connections.resolve("amazon"))
print("\\n" + json.dumps([size.memory_bytes for size in cloud.sizes(["t3.small"])]))
"""


def test_inside_airflow_the_session_is_that_of_its_amazon_provider(ec2: EC2, tmp_path: pathlib.Path) -> None:
    known = ec2.connection()
    text = json.dumps({"conn_type": "aws", "login": known.login, "password": known.password, "extra": known.extra})
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW", "PROVEN_"))}
    environment |= {
        "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}",
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_AMAZON": text,
    }
    argv = [sys.executable, "-c", AIRFLOW, ec2.subnet]
    done = subprocess.run(argv, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [2 * 1024**3]
    assert "conn_id='amazon'" in done.stdout + done.stderr, "the hook was asked"
    assert SECRET not in done.stdout + done.stderr
