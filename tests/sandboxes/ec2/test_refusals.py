"""What EC2 refuses is told in its own words, and leaves nothing that is not found."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from include.proven import errors
from include.proven.sandboxes.ec2 import EC2Cloud
from tests.sandboxes.ec2.orders import CHECKOUT, NAME, a_spec, leave_debris, open_cloud
from tests.sandboxes.moto_ec2 import EC2, SECRET


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
    leave_debris(ec2)
    cloud.find("amazon")
    cloud.remove(NAME)
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
