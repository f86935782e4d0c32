"""What is said of an instance, what is found, and that nothing is left."""

import dataclasses
import datetime

import pytest

from include.proven import errors
from include.proven.sandboxes import ec2 as module
from include.proven.sandboxes.ec2 import EC2Cloud
from tests.sandboxes.ec2.orders import CREATED, NAME, a_spec, leave_debris, open_cloud
from tests.sandboxes.moto_ec2 import EC2


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
    spec = leave_debris(ec2)
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
