"""What the S3 servers of the tests really do: a store's test proves nothing where its server does not look."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.client
import pathlib
import subprocess
import sys
import time
import urllib.parse
from typing import Any

import botocore.exceptions
import pytest

from tests.servers.s3 import CHECKOUT, S3


class Bucket:
    """A fresh bucket and a client on it."""

    def __init__(self, s3: S3, *, lock: bool = False) -> None:
        self.s3, self.name, self.client = s3, s3.bucket(lock=lock), s3.client()

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self.client, operation)(Bucket=self.name, **arguments)
        return answer

    def upload(self, key: str, *contents: bytes, complete: bool = True, **arguments: Any) -> tuple[str, list[dict[str, Any]]]:
        """Upload parts; return the upload's id and the parts as `complete_multipart_upload` takes them."""
        upload = self.call("create_multipart_upload", Key=key, **arguments)["UploadId"]
        parts = []
        for number, content in enumerate(contents, 1):
            answer = self.call("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=content)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        if complete:
            self.complete(key, upload, parts)
        return upload, parts

    def complete(self, key: str, upload: str, parts: list[dict[str, Any]], **arguments: Any) -> dict[str, Any]:
        return self.call("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **arguments)

    def presign(self, operation: str, seconds: int = 60, **arguments: Any) -> str:
        url: str = self.client.generate_presigned_url(operation, Params={"Bucket": self.name, **arguments}, ExpiresIn=seconds)
        return url

    def refuses(self, code: str, operation: str, **arguments: Any) -> None:
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            self.call(operation, **arguments)
        assert caught.value.response["Error"]["Code"] == code


@pytest.fixture
def bucket(s3: S3) -> Bucket:
    return Bucket(s3)


@pytest.fixture
def locked(moto: S3) -> Bucket:
    return Bucket(moto, lock=True)


def ask(method: str, url: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """Send exactly that; return status and body."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    connection.request(method, f"{address.path}?{address.query}", body or None, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def in_base64(algorithm: str, content: bytes) -> str:
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


def test_small_parts_become_one_object_and_everything_is_seen(bucket: Bucket) -> None:
    assert not bucket.s3.everything(bucket.name)
    upload, parts = bucket.upload("ü b/1", b"one", b"two", complete=False)
    seen = bucket.s3.everything(bucket.name)
    assert (seen.objects, seen.uploads) == ({}, {("ü b/1", upload): [1, 2]})
    bucket.complete("ü b/1", upload, parts)
    seen = bucket.s3.everything(bucket.name)
    assert (seen.objects, seen.versions, seen.uploads) == ({"ü b/1": 6}, [("ü b/1", "null")], {})
    bucket.call("delete_object", Key="ü b/1")
    aborted, _ = bucket.upload("2", b"one", complete=False)
    bucket.call("abort_multipart_upload", Key="2", UploadId=aborted)
    assert not bucket.s3.everything(bucket.name)


def test_wrong_digests_are_refused(bucket: Bucket) -> None:
    upload, _ = bucket.upload("k", complete=False)
    for digest in ({"ContentMD5": in_base64("md5", b"x")}, {"ChecksumSHA256": in_base64("sha256", b"x")}):
        bucket.refuses("BadDigest", "put_object", Key="k", Body=b"hello", **digest)
        bucket.refuses("BadDigest", "upload_part", Key="k", UploadId=upload, PartNumber=1, Body=b"hello", **digest)
    url = bucket.presign("upload_part", Key="k", UploadId=upload, PartNumber=1)
    assert ask("PUT", url, b"hello", **{"Content-MD5": in_base64("md5", b"x")})[0] == 400
    seen = bucket.s3.everything(bucket.name)
    assert (seen.objects, seen.uploads) == ({}, {("k", upload): []})
    assert ask("PUT", url, b"hello", **{"Content-MD5": in_base64("md5", b"hello")})[0] == 200


def test_objects_are_written_once_if_asked(bucket: Bucket) -> None:
    bucket.call("put_object", Key="k", Body=b"first", IfNoneMatch="*")
    bucket.refuses("PreconditionFailed", "put_object", Key="k", Body=b"second", IfNoneMatch="*")
    upload, parts = bucket.upload("k", b"third", complete=False)
    chosen = {"MultipartUpload": {"Parts": parts}, "IfNoneMatch": "*"}
    bucket.refuses("PreconditionFailed", "complete_multipart_upload", Key="k", UploadId=upload, **chosen)
    assert bucket.call("get_object", Key="k")["Body"].read() == b"first"
    assert bucket.s3.everything(bucket.name).uploads == {("k", upload): [1]}


def test_swapped_parts_are_refused_and_a_lost_answer_can_be_asked_for_again(bucket: Bucket) -> None:
    upload, parts = bucket.upload("k", b"one", b"two", complete=False)
    swapped = [{**part, "ETag": other["ETag"]} for part, other in zip(parts, reversed(parts), strict=True)]
    bucket.refuses("InvalidPart", "complete_multipart_upload", Key="k", UploadId=upload, MultipartUpload={"Parts": swapped})
    assert bucket.complete("k", upload, parts)["ETag"] == bucket.complete("k", upload, parts)["ETag"]


def test_a_pre_signed_url_opens_one_thing_for_a_while(bucket: Bucket) -> None:
    for key in ("k", "other"):
        bucket.call("put_object", Key=key, Body=key.encode())
    upload, _ = bucket.upload("k", complete=False)
    get, short = bucket.presign("get_object", Key="k"), bucket.presign("get_object", seconds=1, Key="k")
    put = bucket.presign("upload_part", Key="k", UploadId=upload, PartNumber=1)
    assert ask("GET", get, Range="bytes=0-0") == (206, b"k")
    assert ask("PUT", put, b"one")[0] == 200
    time.sleep(2.1)
    refused = [
        ask("GET", short),
        ask("PUT", get, b"x"),
        ask("DELETE", get),
        ask("GET", get.replace("/k?", "/other?")),
        ask("GET", get[:-4] + ("0000" if get[-4:] != "0000" else "1111")),
        ask("PUT", put.replace("partNumber=1", "partNumber=2"), b"x"),
        ask("GET", put),
        ask("DELETE", put),
    ]
    assert [status for status, _ in refused] == [403] * len(refused)
    assert ask("GET", get.partition("?")[0])[0] in {400, 403}
    assert bucket.s3.everything(bucket.name).uploads == {("k", upload): [1]}


def test_no_other_keys_open_it(bucket: Bucket) -> None:
    bucket.call("put_object", Key="k", Body=b"hello")
    for connection, codes in (
        (bucket.s3.wrong(), {"SignatureDoesNotMatch"}),
        (bucket.s3.stranger(), {"AccessDenied", "NoSuchBucket"}),
    ):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            bucket.s3.client(connection).get_object(Bucket=bucket.name, Key="k")
        assert caught.value.response["Error"]["Code"] in codes


def test_moto_wants_every_amazon_header_signed_as_s3_does(moto: S3) -> None:
    bucket = Bucket(moto)
    upload, _ = bucket.upload("k", complete=False)
    checksum = {"x-amz-checksum-sha256": in_base64("sha256", b"one")}
    url = bucket.presign("upload_part", Key="k", UploadId=upload, PartNumber=1)
    assert ask("PUT", url, b"one", **checksum)[0] == 403
    url = bucket.presign(
        "upload_part", Key="k", UploadId=upload, PartNumber=1, ChecksumSHA256=checksum["x-amz-checksum-sha256"]
    )
    assert ask("PUT", url, b"one", **checksum)[0] == 200
    assert ask("PUT", url, b"two", **checksum)[0] == 400


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
def test_moto_keeps_a_locked_version_until_its_time(locked: Bucket, mode: str) -> None:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    lock = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}
    version = locked.call("put_object", Key="k", Body=b"x", **lock)["VersionId"]
    locked.refuses("AccessDenied", "delete_object", Key="k", VersionId=version)
    if mode == "COMPLIANCE":
        locked.refuses("AccessDenied", "delete_object", Key="k", VersionId=version, BypassGovernanceRetention=True)
        time.sleep(2.1)
        locked.call("delete_object", Key="k", VersionId=version)
    else:
        locked.call("delete_object", Key="k", VersionId=version, BypassGovernanceRetention=True)
    assert not locked.s3.everything(locked.name)


def test_moto_locks_an_upload_only_afterwards(locked: Bucket) -> None:
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    locked.upload("k", b"one", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    head = locked.call("head_object", Key="k")
    assert "ObjectLockMode" not in head  # on AWS it is locked here
    locked.call("put_object_retention", Key="k", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until})
    assert locked.call("head_object", Key="k")["ObjectLockMode"] == "COMPLIANCE"
    locked.refuses("AccessDenied", "delete_object", Key="k", VersionId=head["VersionId"])
    locked.call("delete_object", Key="k")  # leaves a delete marker before the version, which stays
    assert len(locked.s3.everything(locked.name).versions) == 2


def test_swift_has_no_object_lock_and_destroys_what_shall_be_retained(s3_swift: S3) -> None:
    """It knows no `?retention` and takes the request for a PutObject: whoever sends it must have asked for the lock before."""
    bucket = Bucket(s3_swift, lock=True)
    bucket.call("put_object", Key="k", Body=b"hello")
    bucket.refuses("ObjectLockConfigurationNotFoundError", "get_object_lock_configuration")
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    bucket.call("put_object_retention", Key="k", Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until})
    assert b"<Retention" in bucket.call("get_object", Key="k")["Body"].read()


def test_moto_ends_when_whoever_started_it_is_killed(tmp_path: pathlib.Path) -> None:
    script = (
        "import pathlib, time; from tests.servers.s3 import running_moto\n"
        f"with running_moto(pathlib.Path({str(tmp_path / 'log')!r})) as moto:\n"
        "    print(moto.endpoint_url, flush=True)\n    time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    assert ask("GET", url)[0] == 403
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    with pytest.raises(ConnectionRefusedError):
        while time.monotonic() < deadline:
            with contextlib.suppress(ConnectionResetError, http.client.RemoteDisconnected):
                ask("GET", url)
