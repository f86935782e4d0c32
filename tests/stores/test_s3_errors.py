"""What S3 refuses is told with its code, its words, its request id and a hint, and shows no secret."""

from __future__ import annotations

import dataclasses
import datetime
import json
import logging
import pathlib
import re
import secrets
from collections.abc import Iterator

import botocore.auth
import pytest

from include.proven import errors
from include.proven.stores import s3_deletion, s3_errors
from tests.servers.fault_proxy import FaultProxy
from tests.servers.s3 import Keys
from tests.stores.s3_bed import S3Bed
from tests.stores.uploading import ARTIFACT, describe_all, upload

HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def shows_no_secret(s3_bed: S3Bed, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    for word in (s3_bed.server.keys[0].secret, "X-Amz-Signature", "Authorization"):
        assert word not in caplog.text


def test_missing_bucket_is_named(s3_bed: S3Bed) -> None:
    nowhere = dataclasses.replace(s3_bed, bucket="t-nowhere").store
    for action in (nowhere.check, lambda: nowhere.begin_upload(ARTIFACT), lambda: nowhere.put_record("shop/a", b"x")):
        with pytest.raises(errors.StoreError, match="404 NoSuchBucket") as caught:
            action()
        assert "Create bucket t-nowhere" in caught.value.hint
        assert "exist" in caught.value.detail


def test_wrong_secret_is_named(s3_bed: S3Bed) -> None:
    with pytest.raises(errors.StoreError, match="s3: list objects: 403 SignatureDoesNotMatch") as caught:
        s3_bed.wrong_credentials.check()
    assert "credentials of connection proven_s3: check its password" in caught.value.hint
    with pytest.raises(errors.StoreError, match=f"s3: head object {ARTIFACT}: 403 Forbidden") as caught:
        s3_bed.wrong_credentials.begin_upload(ARTIFACT)
    assert "or they lack the permission s3:GetObject, s3:ListBucket" in caught.value.hint


def test_a_clock_that_is_wrong_is_named_and_measured(swift_bed: S3Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours is an hour behind: what is signed by it is refused, and the refusal bears the right time."""
    now = datetime.datetime.now(datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: (now - HOUR).replace(tzinfo=None))
    with pytest.raises(errors.StoreError, match="403 RequestTimeTooSkewed") as caught:
        swift_bed.store.check()
    assert "clock of this machine" in caught.value.hint
    assert abs(swift_bed.store.clock() - now) < datetime.timedelta(minutes=1)


def test_unknown_key_is_named(s3_bed: S3Bed) -> None:
    unknown = s3_bed.open(s3_bed.server.connection(Keys("AKIAUNKNOWN", secrets.token_hex(20))))
    with pytest.raises(errors.StoreError, match="403") as caught:
        unknown.check()
    assert "credentials of connection proven_s3" in caught.value.hint


def test_lacking_permission_is_named(moto_bed: S3Bed) -> None:
    with pytest.raises(errors.StoreError, match="s3: list objects: 403 AccessDenied") as caught:
        moto_bed.open(moto_bed.server.stranger()).check()
    assert f"s3:ListBucket on bucket {moto_bed.bucket}" in caught.value.hint


@pytest.mark.parametrize("status", ["429", "503"])
def test_busy_server_is_asked_again_and_then_named(s3_bed: S3Bed, status: str) -> None:
    with FaultProxy(s3_bed.server.endpoint_url, seed=1, share=0) as proxy:
        store = s3_bed.open(s3_bed.server.connection(endpoint_url=proxy.url), retries=1)
        proxy.fail(status, times=3)
        with pytest.raises(errors.StoreError, match=f"s3: list objects: {status}"):
            store.check()
        store.check()
        assert [fault.kind for fault in proxy.log] == [status] * 3


def test_server_that_is_not_there_is_named_without_a_url_of_ours(s3_bed: S3Bed) -> None:
    with pytest.raises(errors.StoreError, match=r"s3: list objects: http://127\.0\.0\.1:9 can't be reached") as caught:
        s3_bed.fail_to_connect.check()
    assert s3_bed.bucket not in str(caught.value)


def test_upload_that_somebody_aborted_is_named_by_its_part(s3_bed: S3Bed) -> None:
    opened, parts = upload(s3_bed.store, ARTIFACT, [b"one"])
    s3_bed.store.abort_upload(opened)
    with pytest.raises(errors.IntegrityError, match="part 1 is not in the store"):
        s3_bed.store.commit_upload(opened, parts)
    assert describe_all([b"one"]) == parts


@pytest.mark.parametrize(
    "extra",
    [
        {"endpoint_url": "s3.example.com"},
        {"config_kwargs": {"no_such_setting": 1}},
        {"config_kwargs": "text"},
        {"service_config": "text"},
        {"profile_name": "no-such-profile"},
        {"role_arn": "arn:aws:iam::111111111111:role/backup", "assume_role_method": "assume_role_with_saml"},
    ],
    ids=lambda extra: next(reversed(extra)),
)
def test_extra_that_makes_no_sense_is_a_config_error(s3_bed: S3Bed, extra: dict[str, object]) -> None:
    connection = s3_bed.server.connection()
    wrong = dataclasses.replace(connection, extra={**connection.extra, **extra})
    with pytest.raises(errors.ConfigError, match=r"proven_s3|boto3 refuses") as caught:
        s3_bed.open(wrong).check()
    assert connection.password not in str(caught.value)


@pytest.mark.parametrize("half", ["login", "password"])
def test_half_a_key_is_a_config_error(moto_bed: S3Bed, half: str) -> None:
    with pytest.raises(errors.ConfigError, match="connection proven_s3: it has a login or a password, and not both"):
        moto_bed.open(dataclasses.replace(moto_bed.server.connection(), **{half: ""})).check()


def test_policy_that_we_publish_has_every_permission_that_a_hint_names() -> None:
    policy = json.loads((pathlib.Path(__file__).parents[2] / "docs/examples/s3-policy.json").read_text())
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    named = set(re.findall(r"\b(?:s3|kms):\w+", f"{s3_errors.PERMISSIONS} {s3_errors.WRITE} {s3_deletion.HINT}"))
    assert len(named) > 12
    assert named <= allowed
