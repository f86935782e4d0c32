"""How S3 keeps what it is given: Object Lock, storage class, encryption."""

from __future__ import annotations

import datetime
import time
from typing import Any

import botocore.exceptions
import pytest

from include.proven import errors
from include.proven.fleet.model import ObjectLock
from tests.stores.s3_bed import S3Bed
from tests.stores.uploading import ARTIFACT, make_pieces, store_artifact, store_pieces

MANIFEST = "shop/20261121T043512Z-full-7f3a9c01/manifest.json"
DAY = datetime.timedelta(days=1)
MOMENT = datetime.timedelta(seconds=3)


def lock(mode: Any = "compliance", retain: datetime.timedelta = DAY) -> ObjectLock:
    return ObjectLock(mode=mode, retain=retain)


@pytest.mark.parametrize("mode", ["compliance", "governance"])
@pytest.mark.parametrize("content", [b"x" * 1000, b""], ids=["parts", "empty"])
def test_artifacts_and_kept_records_are_locked(locking_bed: S3Bed, mode: str, content: bytes) -> None:
    store = locking_bed.open(object_lock=lock(mode))
    store_artifact(store, ARTIFACT, content)
    store.put_record(MANIFEST, b"{}", keep=True)
    for key in (ARTIFACT, MANIFEST):
        head = locking_bed.head(key)
        assert head["ObjectLockMode"] == mode.upper()
        until = datetime.datetime.now(datetime.UTC) + DAY
        assert abs(head["ObjectLockRetainUntilDate"] - until) < datetime.timedelta(minutes=1)


def test_other_records_are_not_locked(locking_bed: S3Bed) -> None:
    store = locking_bed.open(object_lock=lock())
    store.put_record("shop/pages/a.json", b"{}")
    assert "ObjectLockMode" not in locking_bed.head("shop/pages/a.json")
    store.delete_record("shop/pages/a.json")
    assert list(store.list_objects("")) == []


@pytest.mark.failure("B9")
def test_locked_folder_is_refused_as_a_whole(locking_bed: S3Bed) -> None:
    store = locking_bed.open(object_lock=lock())
    store_artifact(store, ARTIFACT, b"x")
    store.put_record(MANIFEST, b"{}")
    before = locking_bed.everything()
    store.begin_upload("shop/half-made")
    with pytest.raises(errors.StoreError, match=r"s3: delete folder shop: it is locked until \d{4}-\d\d-\d\d .* UTC") as caught:
        store.delete_folder("shop")
    assert ARTIFACT in caught.value.detail
    assert "compliance" in caught.value.detail
    assert locking_bed.everything() == before


def test_folder_goes_with_every_version_when_its_lock_has_ended(locking_bed: S3Bed) -> None:
    short = locking_bed.open(object_lock=lock(retain=MOMENT))
    store_artifact(short, ARTIFACT, b"x")
    until = locking_bed.head(ARTIFACT)["ObjectLockRetainUntilDate"]
    hide(locking_bed, ARTIFACT)
    short.put_record(MANIFEST, b"{}")
    wait_until(until)
    assert short.delete_folder("shop") == 2
    assert locking_bed.everything() == []


@pytest.mark.failure("B9")
def test_whoever_has_the_credentials_can_hide_a_locked_artifact_but_not_destroy_it(locking_bed: S3Bed) -> None:
    store = locking_bed.open(object_lock=lock())
    pieces = make_pieces()
    store_pieces(store, ARTIFACT, pieces)
    client, where = locking_bed.server.client(), {"Bucket": locking_bed.bucket, "Key": f"backups/{ARTIFACT}"}
    version = locking_bed.head(ARTIFACT)["VersionId"]
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        client.delete_object(**where, VersionId=version, BypassGovernanceRetention=True)
    hide(locking_bed, ARTIFACT)
    with pytest.raises(errors.IntegrityError, match="is missing"):
        store.presign_get(ARTIFACT)
    (marker,) = client.list_object_versions(Bucket=locking_bed.bucket)["DeleteMarkers"]
    client.delete_object(**where, VersionId=marker["VersionId"])
    assert store.read_start(ARTIFACT, 1 << 20) == b"".join(pieces)


def test_check_leaves_nothing_in_a_bucket_with_object_lock(locking_bed: S3Bed) -> None:
    locking_bed.open(object_lock=lock()).check()
    assert locking_bed.everything() == []


@pytest.mark.parametrize("bed", ["moto_bed", "swift_bed"])
def test_bucket_without_object_lock_is_named(bed: str, request: pytest.FixtureRequest) -> None:
    found: S3Bed = request.getfixturevalue(bed)
    with pytest.raises(errors.StoreError, match="Object Lock: 404 ObjectLockConfigurationNotFoundError") as caught:
        found.open(object_lock=lock()).check()
    assert "when it is made" in caught.value.hint
    assert found.everything() == []


def test_storage_class_and_encryption_are_set(moto_bed: S3Bed) -> None:
    store = moto_bed.open(storage_class="STANDARD_IA", encryption="AES256")
    store_artifact(store, ARTIFACT, b"x")
    store.put_record(MANIFEST, b"{}", keep=True)
    assert moto_bed.head(ARTIFACT)["StorageClass"] == "STANDARD_IA"
    assert moto_bed.head(ARTIFACT)["ServerSideEncryption"] == "AES256"
    assert "StorageClass" not in moto_bed.head(MANIFEST)
    assert moto_bed.head(MANIFEST)["ServerSideEncryption"] == "AES256"


def test_objects_are_encrypted_with_the_named_key(moto_bed: S3Bed) -> None:
    key = "arn:aws:kms:us-east-1:111111111111:key/0b1c2d3e-0000-4000-8000-0123456789ab"
    store = moto_bed.open(encryption="aws:kms", kms_key=key)
    store_artifact(store, ARTIFACT, b"")
    store.put_record(MANIFEST, b"{}")
    for name in (ARTIFACT, MANIFEST):
        assert moto_bed.head(name)["ServerSideEncryption"] == "aws:kms"
        assert moto_bed.head(name)["SSEKMSKeyId"] == key


def test_what_a_server_can_not_do_is_named(swift_bed: S3Bed) -> None:
    with pytest.raises(errors.StoreError, match="501 NotImplemented") as caught:
        swift_bed.open(encryption="AES256").check()
    assert "remove `encryption`" in caught.value.hint
    with pytest.raises(errors.StoreError, match="400 InvalidStorageClass") as caught:
        swift_bed.open(storage_class="STANDARD_IA").check()
    assert "`storage_class`" in caught.value.hint


def hide(bed: S3Bed, key: str) -> None:
    """Delete an object without naming a version: a delete marker hides it."""
    bed.server.client().delete_object(Bucket=bed.bucket, Key=f"backups/{key}")


def wait_until(moment: datetime.datetime) -> None:
    """Sleep until then, and the second more by which servers may round."""
    time.sleep(max(0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds() + 1))
