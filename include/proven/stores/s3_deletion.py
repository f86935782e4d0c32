"""How objects go, and the versions of them that an Object Lock has kept."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

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


def list_versions(client: s3_client.S3Client, below: str) -> list[Version]:
    """Return every version of the objects whose names begin so."""
    pages = list(client.pages("list versions", "list_object_versions", Prefix=below))
    return [
        Version(entry["Key"], entry["VersionId"], is_marker)
        for sort, is_marker in (("Versions", False), ("DeleteMarkers", True))
        for page in pages
        for entry in page.get(sort, [])
    ]


def refuse_locked(client: s3_client.S3Client, folder: str, versions: Sequence[Version]) -> None:
    """Raise StoreError if one of the versions is locked: S3 would delete some and refuse the others."""
    now = datetime.datetime.now(datetime.UTC)
    for version in versions:
        if version.is_marker:
            continue
        with client.request(f"head object {version.name}") as s3:
            head = s3.head_object(Bucket=client.bucket, Key=version.name, VersionId=version.identifier)
        until = head.get("ObjectLockRetainUntilDate")
        if until and until > now:
            raise errors.StoreError(
                f"s3: delete folder {folder}: it is locked until {until:%Y-%m-%d %H:%M:%S} UTC",
                detail=f"{version.name}, version {version.identifier}: {head['ObjectLockMode'].lower()}",
                hint="Object Lock keeps it: try again after that.",
            )


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
