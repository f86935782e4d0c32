"""Static Large Objects: a Swift object that is a list of others, each with its size and MD5.

See https://docs.openstack.org/swift/latest/overview_large_objects.html. A manifest names at most 1000 segments unless the
operator says otherwise, so that a larger artifact needs manifests of manifests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import requests
import swiftclient

from include.proven import errors
from include.proven.stores import swift_client

DEFAULT_LIMIT = 1000
SEGMENT = r"(\d{8}|manifest-\d+-\d{8})"
"""What the names of parts and of inner manifests look like, below the folder of their artifact."""


class Entry(TypedDict):
    """One segment of a manifest, as Swift takes it."""

    path: str
    """`/<container>/<object>`"""
    etag: str
    size_bytes: int


def read_limit(swift: Any) -> int:
    """Return how many segments a manifest of this Swift may name."""
    try:
        return int(swift.get_capabilities()["slo"]["max_manifest_segments"])
    except (swiftclient.ClientException, KeyError):
        return DEFAULT_LIMIT  # an operator may hide what the cluster can do


def put_inner_manifests(
    swift: Any, container: str, folder: str, entries: Sequence[Entry], headers: Mapping[str, str]
) -> Sequence[Entry]:
    """Given more entries than one manifest may name, write manifests of them below `folder`; return few enough entries."""
    limit = max(2, read_limit(swift))
    level = 0
    while len(entries) > limit:
        level += 1
        pieces = [entries[start : start + limit] for start in range(0, len(entries), limit)]
        entries = [
            put_manifest(swift, container, f"{folder}manifest-{level}-{number:08d}", piece, headers)
            for number, piece in enumerate(pieces, start=1)
        ]
    return entries


def put_manifest(swift: Any, container: str, name: str, entries: Sequence[Entry], headers: Mapping[str, str]) -> Entry:
    """Write a manifest, read it back, and return the entry that names it. Raise IntegrityError if Swift finds a segment bad.

    Swift itself looks at every segment before it accepts the list.
    """
    etag = hashlib.md5("".join(entry["etag"] for entry in entries).encode(), usedforsecurity=False).hexdigest()
    try:
        swift.put_object(
            container,
            name,
            json.dumps(entries),
            etag=etag,
            query_string="multipart-manifest=put",
            headers={"If-None-Match": "*", **headers},
        )
    except swiftclient.ClientException as error:
        if error.http_status == requests.codes.bad_request:
            raise _refused(name, error) from error
        # A first try may have been written though its answer was lost: then the manifest below is ours.
        if error.http_status != requests.codes.precondition_failed or swift.attempts == 1:
            raise
    _read_back(swift, container, name, entries)
    return Entry(path=f"/{container}/{name}", etag=etag, size_bytes=sum(entry["size_bytes"] for entry in entries))


def _refused(name: str, error: swiftclient.ClientException) -> errors.IntegrityError:
    return errors.IntegrityError(
        f"swift: commit object {name}: the store finds a part missing or changed", detail=swift_client.describe(error)
    )


def _read_back(swift: Any, container: str, name: str, entries: Sequence[Entry]) -> None:
    stored = json.loads(swift.get_object(container, name, query_string="multipart-manifest=get")[1])
    seen = [Entry(path=entry["name"], etag=entry["hash"].strip('"'), size_bytes=entry["bytes"]) for entry in stored]
    if seen != list(entries):
        raise errors.IntegrityError(f"swift: commit object {name}: the manifest that is stored is not the one that was sent")
