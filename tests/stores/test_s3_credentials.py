"""A connection of type `aws` opens the same store by the library alone and by the hook of Airflow's Amazon provider."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from include.proven import connections
from tests.servers.s3 import S3

CHECKOUT = pathlib.Path(__file__).parents[2]
OF_THIS_MACHINE = re.compile("AWS_|AIRFLOW|PROVEN_")
ROLE = "arn:aws:iam::123456789012:role/backup"


@pytest.fixture(scope="module")
def token_service() -> Iterator[str]:
    """Run moto's server without the gate, which knows no temporary keys; give its URL. It signs in anybody."""
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(found[0] for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        finally:
            process.kill()


@pytest.fixture(scope="module")
def cases(moto: S3, s3_swift: S3, token_service: str) -> dict[str, tuple[connections.Connection, str]]:
    """Connections of all sorts, each with a bucket that it opens."""
    role = {
        "region_name": "us-east-1",
        "endpoint_url": token_service,
        "service_config": {"sts": {"endpoint_url": token_service}},
        "role_arn": ROLE,
        "assume_role_kwargs": {"ExternalId": "proven", "DurationSeconds": 900},
    }
    person = {"region_name": "us-east-1", "aws_access_key_id": "AKIAOFAPERSON", "aws_secret_access_key": "its-secret"}
    boto3.client("s3", endpoint_url=token_service, **person).create_bucket(Bucket="roles")
    moto.client(moto.stranger()).create_bucket(Bucket="of-the-profile")
    plain, nobody = moto.connection(), dataclasses.replace(moto.connection(), login="", password="")
    settings = {
        "region_name": "us-east-1",
        "service_config": {"s3": {"endpoint_url": moto.endpoint_url}},
        "config_kwargs": {"retries": {"total_max_attempts": 2}, "user_agent_extra": "backups"},
    }
    return {
        "keys": (plain, moto.bucket()),
        "other_cloud": (s3_swift.connection(), s3_swift.bucket()),
        "settings": (dataclasses.replace(plain, extra=settings), moto.bucket()),
        "machine": (nobody, moto.bucket()),
        "profile": (dataclasses.replace(nobody, extra={**nobody.extra, "profile_name": "backup"}), "of-the-profile"),
        "role": (dataclasses.replace(plain, login="AKIAOFAPERSON", password="its-secret", extra=role), "roles"),
        "only_ours": (plain, moto.bucket()),
    }


@pytest.fixture(scope="module", params=["library", "airflow"])
def said(
    request: pytest.FixtureRequest,
    cases: dict[str, tuple[connections.Connection, str]],
    moto: S3,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Open all of them in one process, without Airflow and with it; return what each says (`say_s3.py`)."""
    home, (keys, others) = tmp_path_factory.mktemp("airflow"), moto.keys
    texts = {
        name: json.dumps({field: getattr(connection, field) for field in ("conn_type", "login", "password", "extra")})
        for name, (connection, _) in cases.items()
    }
    ours = write(home / "connections.json", json.dumps({"only_ours": json.loads(texts.pop("only_ours"))}))
    pair = f"aws_access_key_id = {others.access}\naws_secret_access_key = {others.secret}\n"
    environment = {name: value for name, value in os.environ.items() if not OF_THIS_MACHINE.match(name)} | {
        "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}",
        "AIRFLOW_HOME": str(home),
        "PROVEN_CONNECTIONS": str(ours),
        "AWS_ACCESS_KEY_ID": keys.access,
        "AWS_SECRET_ACCESS_KEY": keys.secret,
        "AWS_SHARED_CREDENTIALS_FILE": str(write(home / "credentials", f"[backup]\n{pair}")),
        **{f"AIRFLOW_CONN_{name.upper()}": text for name, text in texts.items()},
    }
    argv = [sys.executable, "-m", "tests.stores.say_s3", request.param]
    argv += [f"{name}={bucket}" for name, (_, bucket) in cases.items()]
    done = subprocess.run(argv, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert keys.secret not in told
    assert ("conn_id='keys'" in told) == (request.param == "airflow"), "the hook was asked, or was not"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def write(path: pathlib.Path, text: str) -> pathlib.Path:
    """Write a file that only we may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def signer(said: dict[str, Any], name: str) -> str:
    """Return the access key that signed."""
    return str(said[name]["signed"]["X-Amz-Credential"]).partition("/")[0]


@pytest.mark.parametrize(("name", "server"), [("keys", "moto"), ("other_cloud", "s3_swift")])
def test_keys_of_the_connection_open_the_store(
    said: dict[str, Any],
    cases: dict[str, tuple[connections.Connection, str]],
    name: str,
    server: str,
    request: pytest.FixtureRequest,
) -> None:
    s3: S3 = request.getfixturevalue(server)
    assert signer(said, name) == s3.keys[0].access
    assert said[name]["endpoint"] == s3.endpoint_url
    assert said[name]["region"] == "us-east-1"
    assert said[name]["attempts"] == 5
    assert said[name]["url"] == f"{s3.endpoint_url}/{cases[name][1]}/a"
    assert not s3.everything(cases[name][1])


def test_settings_of_boto3_may_be_given(said: dict[str, Any], moto: S3) -> None:
    assert said["settings"]["endpoint"] == moto.endpoint_url
    assert said["settings"]["attempts"] == 2
    assert said["settings"]["user_agent"] == "backups"


def test_without_keys_those_of_the_machine_are_used(said: dict[str, Any], moto: S3) -> None:
    assert signer(said, "machine") == moto.keys[0].access


def test_profile_is_used(said: dict[str, Any], moto: S3) -> None:
    assert signer(said, "profile") == moto.keys[1].access


def test_role_is_assumed_and_its_token_is_in_the_url(said: dict[str, Any]) -> None:
    assert signer(said, "role").startswith("ASIA")
    assert said["role"]["signed"]["X-Amz-Security-Token"]


def test_connection_that_airflow_does_not_know_opens_the_store(said: dict[str, Any], moto: S3) -> None:
    assert signer(said, "only_ours") == moto.keys[0].access
