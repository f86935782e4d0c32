"""Fixtures `moto`, `s3_swift` and `s3` (both): real S3 servers, each with two accounts that know nothing of each other.

What they do was found out by trying (moto 5.2.5, Swift 2.38.3; `test_s3.py` has seen it). "gate" is `moto_server.Gate`, ours.

| | moto | Swift's s3api |
|---|---|---|
| SigV4 of headers and of pre-signed URLs, expiry, unknown key | gate: 403 | 403 |
| Content-MD5, x-amz-checksum-{crc32,sha1,sha256}, of a part too | gate: 400 BadDigest | 400 BadDigest |
| x-amz-* header that a pre-signed URL does not sign | gate: 403, as AWS | taken, and its checksum checked |
| If-None-Match: * on PutObject, CompleteMultipartUpload | 412, the upload stays | 412, the upload stays |
| CompleteMultipartUpload with another part's ETag | InvalidPart | InvalidPart |
| … with another part's ChecksumSHA256 | taken (AWS: InvalidPart) | taken |
| … once more, its answer was lost | 200, as the first | 200, as the first |
| … or UploadPart, of an upload that was aborted | 500 (AWS: NoSuchUpload) | NoSuchUpload |
| ListParts | ETag (MD5) and size; never checksums | the same |
| checksum of a finished object | HeadObject with ChecksumMode, if the upload chose SHA256 | never |
| GetObjectAttributes | without parts | 500 |
| smallest part but the last | 1 byte here; AWS 5 MiB | 1 byte here; AWS 5 MiB |
| parts at most | 10,000 | 1000 (`Settings.manifest_segments`) |
| one empty part | taken | taken |
| ListMultipartUploads: Initiated | always 2010 | right |
| another account's bucket | AccessDenied | NoSuchBucket: names are each account's own |
| Object Lock of PutObject | compliance and governance hold; bypass works | headers ignored: nothing is locked |
| … headers of CreateMultipartUpload, the bucket's default for one | ignored (AWS: they hold) | ignored |
| … PutObjectRetention afterwards | holds, if not cut short (AWS: always) | *overwrites the object by the request's XML* |
| … GetObjectRetention | 500; HeadObject tells mode and date | 500, or what overwrote the object |
| … GetObjectLockConfiguration | Enabled, or ObjectLockConfigurationNotFoundError | ObjectLockConfigurationNotFoundError |
| storage class, encryption at rest | kept and told | InvalidStorageClass, NotImplemented |

moto keeps all in memory while it completes an upload: 304 MiB took 3 s and 1.6 GB. Swift keeps parts as objects of
`<bucket>+segments`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.config
import pytest

from include.proven import connections
from tests.servers.swift import Swift

CHECKOUT = pathlib.Path(__file__).parents[2]
REGION = "us-east-1"


@dataclasses.dataclass(frozen=True)
class Keys:
    """An access key."""

    access: str
    secret: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Contents:
    """All that is in a bucket."""

    objects: dict[str, int]
    """Key → bytes."""
    versions: list[tuple[str, str]]
    """Key and version id of every version and delete marker. Without versioning: one of id `null` for each object."""
    uploads: dict[tuple[str, str], list[int]]
    """Key and upload id of every upload that is neither completed nor aborted → numbers of its parts."""
    segments: list[str]
    """Swift only: objects of the container where it keeps parts, of finished uploads too."""

    def __bool__(self) -> bool:
        return bool(self.objects or self.versions or self.uploads or self.segments)


@dataclasses.dataclass(frozen=True)
class S3:
    """A running S3 server. Buckets are addressed by path."""

    name: str
    endpoint_url: str
    keys: tuple[Keys, Keys]
    """Ours, and a stranger's."""
    locks: bool = False
    """Whether it knows Object Lock, versions, storage classes and encryption at rest."""
    swift: Swift | None = None
    """The Swift below it, if it is one."""

    def connection(self, keys: Keys | None = None, endpoint_url: str = "") -> connections.Connection:
        """Return our credentials, or others; `endpoint_url` is where a proxy stands before the server."""
        keys = keys or self.keys[0]
        extra = {"region_name": REGION, "endpoint_url": endpoint_url or self.endpoint_url}
        return connections.Connection("proven_s3", conn_type="aws", login=keys.access, password=keys.secret, extra=extra)

    def stranger(self) -> connections.Connection:
        """Return the credentials of another account."""
        return self.connection(self.keys[1])

    def wrong(self) -> connections.Connection:
        """Return our access key with a secret that is not its own."""
        return self.connection(Keys(self.keys[0].access, "wrong"))

    def client(self, connection: connections.Connection | None = None) -> Any:
        """Return a plain boto3 client: what anybody else sees of the store. It does not try again."""
        found = connection or self.connection()
        return boto3.client(
            "s3",
            aws_access_key_id=found.login,
            aws_secret_access_key=found.password,
            **found.extra,
            config=botocore.config.Config(
                signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}
            ),
        )

    def bucket(self, *, lock: bool = False) -> str:
        """Make a bucket that no other test uses, `lock`: with Object Lock, and return its name."""
        name = f"t{secrets.token_hex(4)}"
        self.client().create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if lock else {}))
        return name

    def everything(self, bucket: str) -> Contents:
        """Look behind the store's back: return all that a bucket holds. False if that is nothing."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        objects = {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}
        pages = list(client.get_paginator("list_object_versions").paginate(Bucket=bucket))
        versions = [
            (entry["Key"], entry["VersionId"])
            for sort in ("Versions", "DeleteMarkers")
            for page in pages
            for entry in page.get(sort, [])
        ]
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
        open_uploads = [(entry["Key"], entry["UploadId"]) for page in pages for entry in page.get("Uploads", [])]
        uploads = {(key, upload): list_parts(client, bucket, key, upload) for key, upload in open_uploads}
        return Contents(objects, versions, uploads, self._list_segments(bucket))

    def _list_segments(self, bucket: str) -> list[str]:
        container = f"{bucket}+segments"
        if not self.swift or container not in {entry["name"] for entry in self.swift.raw().get_account()[1]}:
            return []
        return self.swift.names(container)


def list_parts(client: Any, bucket: str, key: str, upload: str) -> list[int]:
    """Return the part numbers of an upload that is open."""
    pages = client.get_paginator("list_parts").paginate(Bucket=bucket, Key=key, UploadId=upload)
    return [part["PartNumber"] for page in pages for part in page.get("Parts", [])]


@contextlib.contextmanager
def running_moto(log: pathlib.Path) -> Iterator[S3]:
    """Run moto's server as a process of its own while the block runs; it ends with this process whatever happens."""
    keys = tuple(Keys(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_hex(20)) for _ in range(2))
    accounts = {key.access: {"secret": key.secret, "account": str(number) * 12} for number, key in enumerate(keys, 1)}
    with log.open("wb") as output, subprocess.Popen(
        [sys.executable, "-m", "tests.servers.moto_server"],
        cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(accounts) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, f"moto did not start: {log.read_text()}"
            yield S3("moto", json.loads(line)["url"], (keys[0], keys[1]), locks=True)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """Run moto's server for all tests."""
    with running_moto(tmp_path_factory.mktemp("moto") / "log") as running:
        yield running


@pytest.fixture(scope="session")
def s3_swift(swift: Swift) -> S3:
    """Give the Swift of all tests as S3 shows it."""
    return of_swift(swift)


def of_swift(swift: Swift) -> S3:
    """Return a Swift as S3 shows it: a bucket is a container."""
    ours, stranger = (Keys(f"{account.account}:{account.user}", account.password) for account in swift.settings.accounts[:2])
    return S3("swift", swift.server.url, (ours, stranger), swift=swift)


@pytest.fixture(params=["moto", "s3_swift"])
def s3(request: pytest.FixtureRequest) -> S3:
    """Give each of the two."""
    found: S3 = request.getfixturevalue(request.param)
    return found
