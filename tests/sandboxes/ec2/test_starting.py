"""What reaches EC2 when an instance is started, and that one name is one instance."""

import base64
import concurrent.futures
import threading

import pytest

from include.proven.sandboxes.ec2 import EC2Cloud
from tests.sandboxes.ec2.orders import CREATED, NAME, WORKERS, a_spec, open_cloud, run_request, tags_of
from tests.sandboxes.moto_ec2 import EC2


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
