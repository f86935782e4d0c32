"""How objects go, and the versions of them that an Object Lock has kept."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from include.proven import errors
from include.proven.stores import s3_client

HINT = "The credentials need s3:DeleteObject, with Object Lock s3:DeleteObjectVersion; and no legal hold may lie on it."


@dataclasses.dataclass(frozen=True)
class Version:
    """An object, or one version of it."""

    name: str
    """Its key in the bucket, our prefix included."""
    identifier: str = ""
    is_marker: bool = False
    """Whether it only says that the object was deleted."""


FOR_EVER = datetime.datetime.max.replace(tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True)
class Lock:
    """Why S3 does not let a version go."""

    version: Version
    until: datetime.datetime
    mode: str
    """`compliance`, `governance`, or `legal hold`, which somebody must lift."""

    def __str__(self) -> str:
        return "under a legal hold" if self.until == FOR_EVER else f"locked until {self.until:%Y-%m-%d %H:%M:%S} UTC"


def list_versions(client: s3_client.S3Client, below: str) -> list[Version]:
    """Return every version of the objects whose names begin so."""
    pages = list(client.pages("list versions", "list_object_versions", Prefix=below))
    return [
        Version(entry["Key"], entry["VersionId"], is_marker)
        for sort, is_marker in (("Versions", False), ("DeleteMarkers", True))
        for page in pages
        for entry in page.get(sort, [])
    ]


def find_lock(client: s3_client.S3Client, versions: Sequence[Version]) -> Lock | None:
    """Return the lock of these versions that ends last, or None if S3 would let all of them go."""
    now = datetime.datetime.now(datetime.UTC)
    heads = ((version, _head(client, version)) for version in versions if not version.is_marker)
    locks = [lock for version, head in heads if (lock := _lock_of(version, head, now))]
    return max(locks, key=lambda lock: lock.until, default=None)


def refuse_locked(client: s3_client.S3Client, folder: str, versions: Sequence[Version]) -> None:
    """Raise StoreError if one of the versions is locked: S3 would delete some and refuse the others."""
    if lock := find_lock(client, versions):
        raise errors.StoreError(
            f"s3: delete folder {folder}: it is {lock}",
            detail=f"{lock.version.name}, version {lock.version.identifier}: {lock.mode}",
            hint="Object Lock keeps it: try again after that.",
        )


def _head(client: s3_client.S3Client, version: Version) -> dict[str, Any]:
    with client.request(f"head object {version.name}") as s3:
        return dict(s3.head_object(Bucket=client.bucket, Key=version.name, VersionId=version.identifier))


def _lock_of(version: Version, head: dict[str, Any], now: datetime.datetime) -> Lock | None:
    if head.get("ObjectLockLegalHoldStatus") == "ON":
        return Lock(version, FOR_EVER, "legal hold")
    until = head.get("ObjectLockRetainUntilDate")
    return Lock(version, until, head["ObjectLockMode"].lower()) if until and until > now else None


def delete(client: s3_client.S3Client, folder: str, versions: Sequence[Version]) -> None:
    """Delete objects or versions, many at once. Raise StoreError, naming the first, if some are refused."""
    for start in range(0, len(versions), client.page_size):
        chosen = [
            {"Key": version.name} | ({"VersionId": version.identifier} if version.identifier else {})
            for version in versions[start : start + client.page_size]
        ]
        with client.request(f"delete folder {folder}") as s3:
            answer = s3.delete_objects(Bucket=client.bucket, Delete={"Objects": chosen, "Quiet": True})
        if refused := answer.get("Errors"):
            first = refused[0]
            raise errors.StoreError(
                f"s3: delete object {first['Key']}: {first['Code']}",
                detail=f"{first.get('Message', '')} ({len(refused)} refused)",
                hint=HINT,
            )
