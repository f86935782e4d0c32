"""A store in OpenStack Swift: records as plain objects, artifacts as Static Large Objects written by TempURL.

The parts of the artifact `<prefix>/<key>` are the objects `<prefix>/<key>/00000001` … of the container
`<container>_segments`. The manifest that names them, with the size and MD5 of each, makes them one object.
"""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import io
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence

import requests
import swiftclient

from include.proven import connections, errors
from include.proven.fleet import model
from include.proven.manifest import Part
from include.proven.stores import static_large_object as slo
from include.proven.stores import swift_client, tempurl
from include.proven.stores.contract import OutgoingPart, Room, SignedRequest, StoredObject, Upload, locate
from include.proven.stores.swift_client import below, modified_at, none_if_missing
from include.proven.stores.swift_segments import Segments

EXPIRY_GRACE_SECONDS = 2 * 86400
"""Artifacts outlive their manifest by this: a recovery point stops to exist before it falls apart."""
QUOTAS = {"account": ("x-account-quota-bytes", "x-account-meta-quota-bytes"), "container": ("x-container-meta-quota-bytes",)}
"""Headers in which Swift says them; the account's has two names."""


class SwiftStore:
    """The `Store` contract on a container of Swift."""

    def __init__(
        self,
        name: str,
        config: model.SwiftStore,
        connection: connections.Connection,
        *,
        retries: int = swift_client.RETRIES,
    ) -> None:
        self.name = name
        self._container = config.container
        self._prefix = f"{config.prefix.strip('/')}/" if config.prefix.strip("/") else ""
        self._url_seconds = config.url_lifetime.total_seconds()
        self._expire_seconds = config.expire_after.total_seconds() if config.expire_after else None
        self._retries = retries
        self._client = swift_client.SwiftClient(connection, retries=retries)
        self._segments = Segments(self._client, f"{config.container}_segments", self._prefix)
        self._containers_exist = False

    def check(self) -> None:
        """Prove that the store can be reached, written and read with these credentials. Raise StoreError if not."""
        folder = f".check-{secrets.token_hex(8)}"
        upload = self.begin_upload(f"{folder}/probe")
        content = secrets.token_bytes(64)
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        part = Part(number=1, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=digest)
        try:
            tempurl.send(self.presign_parts(upload, locate([part]))[0], content, retries=self._retries)
            self.commit_upload(upload, [part])
            if tempurl.send(self.presign_get(upload.key), retries=self._retries) != content:
                raise errors.StoreError("swift: read back the probe: it is not what was written")
        finally:
            self.delete_folder(folder)

    def rooms(self) -> list[Room]:
        """Return how full the quotas of the account and of both containers are."""
        with self._client.request("read the account's quota") as swift:
            rooms = _rooms("account", "the account", swift.head_account())
        for container in (self._container, self._segments.container):
            with self._client.request(f"read the quota of container {container}") as swift, none_if_missing():
                rooms += _rooms("container", f"container {container}", swift.head_container(container))
        return rooms

    def clock(self) -> datetime.datetime:
        """Return the time that the proxy's answer bears."""
        with self._client.request("ask for the time") as swift:
            return email.utils.parsedate_to_datetime(swift.head_account()["date"])

    def begin_upload(self, key: str) -> Upload:
        """Open an upload of an artifact. Raise StoreError if an object of that key, or a part of it, exists."""
        self._create_containers()
        if self._head(key) is not None or self._segments.list_parts(key):
            raise _exists(key)
        return Upload(key)

    def resume_upload(self, key: str) -> Upload:
        """Return the upload of that key, whatever parts of it are there. Raise StoreError if an object of that key exists."""
        self._create_containers()
        if self._head(key) is not None:
            raise _exists(key)
        return Upload(key)

    def find_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> set[int]:
        """Return the numbers of those parts that are there with that size and MD5."""
        listed = self._segments.list_parts(upload.key)
        return {
            part.number for part in parts if listed.get(self._segments.part(upload.key, part.number)) == (part.bytes, part.md5)
        }

    def presign_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return one TempURL for each part."""
        names = [self._segments.part(upload.key, part.number) for part in parts]
        signed, expiry = self._sign("PUT", self._segments.container, names), self._expiry(EXPIRY_GRACE_SECONDS)
        # The ETag makes Swift compare what arrives with what the agent read.
        return [
            SignedRequest(request.method, request.url, {"ETag": part.md5, **expiry})
            for request, part in zip(signed, parts, strict=True)
        ]

    def commit_upload(self, upload: Upload, parts: Sequence[Part]) -> None:
        """Compare every part in the store with what was sent, then write the manifest that makes them one object."""
        self._segments.verify(upload.key, parts)
        # Swift's manifests take no empty segment.
        entries = [
            slo.Entry(
                path=f"/{self._segments.container}/{self._segments.part(upload.key, part.number)}",
                etag=part.md5,
                size_bytes=part.bytes,
            )
            for part in parts
            if part.bytes
        ]
        expiry = self._expiry(EXPIRY_GRACE_SECONDS)
        if not entries:
            self._put(upload.key, b"", expiry)
            return
        with self._client.request(f"commit object {upload.key}") as swift:
            folder = self._segments.folder(upload.key)
            top = slo.put_inner_manifests(swift, self._segments.container, folder, entries, expiry)
            slo.put_manifest(swift, self._container, self._prefix + upload.key, top, expiry)

    def abort_upload(self, upload: Upload) -> None:
        """Remove every part of an upload that was not committed."""
        if self._head(upload.key) is not None:
            raise errors.StoreError(f"swift: abort upload {upload.key}: it is committed")
        for name in self._segments.list_parts(upload.key):
            self._client.delete(self._segments.container, name)

    def list_uploads(self, folder: str) -> list[Upload]:
        """Return the uploads below `folder` that hold parts and are neither committed nor aborted, sorted by key."""
        touched = self._segments.list_touched(below(folder))
        committed = {stored.key for stored in self.list_objects(folder)} if touched else set()
        return [Upload(key, touched_at=touched[key]) for key in sorted(touched) if key not in committed]

    def presign_get(self, key: str) -> SignedRequest:
        """Return a TempURL to read the whole object, or ranges of it. Raise IntegrityError if it is missing."""
        if self._head(key) is None:
            raise _missing(key)
        return self._sign("GET", self._container, [self._prefix + key])[0]

    def read_start(self, key: str, count: int) -> bytes:
        """Return the first `count` bytes (or all, if there are fewer). Raise IntegrityError if one is missing."""
        with self._client.request(f"read object {key}") as swift:
            try:
                content = swift.get_object(self._container, self._prefix + key, headers={"Range": f"bytes=0-{count - 1}"})[1]
            except swiftclient.ClientException as error:
                if error.http_status == requests.codes.requested_range_not_satisfiable:
                    return b""  # of an empty object there is no first byte
                if error.http_status == requests.codes.not_found:
                    raise _missing(key) from error
                if error.http_status == requests.codes.conflict:
                    raise _broken(key, error) from error
                raise
        return bytes(content)

    def put_record(self, key: str, content: bytes, *, keep: bool = False) -> None:
        """Write a small object, checksum verified by Swift. Never overwrites: raise StoreError if it exists."""
        self._put(key, content, self._expiry() if keep else {})

    def _put(self, key: str, content: bytes, headers: dict[str, str]) -> None:
        self._create_containers()
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        with self._client.request(f"put object {key}") as swift:
            try:
                # `If-None-Match: *` is no lock: of two at the same moment both may win. Ids that never repeat are the lock.
                once, size = {"If-None-Match": "*", **headers}, len(content)
                swift.put_object(self._container, self._prefix + key, io.BytesIO(content), size, digest, headers=once)
            except swiftclient.ClientException as error:
                if error.http_status != requests.codes.precondition_failed:
                    raise
                # A first try may have been written though its answer was lost.
                if swift.attempts == 1 or self.get_record(key) != content:
                    raise _exists(key) from error

    def get_record(self, key: str) -> bytes:
        """Return a small object. Raise KeyError if there is none."""
        with self._client.request(f"get object {key}") as swift:
            try:
                return bytes(swift.get_object(self._container, self._prefix + key)[1])
            except swiftclient.ClientException as error:
                if error.http_status == requests.codes.not_found:
                    raise KeyError(key) from error
                raise

    def delete_record(self, key: str) -> None:
        """Delete a small object. No error if there is none."""
        self._client.delete(self._container, self._prefix + key)

    def delete_artifact(self, key: str) -> None:
        """Delete one committed artifact with its parts."""
        self.delete_record(key)  # what makes one of the parts goes first
        self.delete_folder(key)

    def list_objects(self, folder: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder`, sorted by key. Raise StoreError if the container does not exist."""
        for listed in self._client.list(self._container, self._prefix + below(folder)):
            yield self._as_object(listed)

    def list_range(self, after: str, before: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys sort between these two, sorted by key. Raise StoreError if there is no container."""
        after, before = self._prefix + after, self._prefix + before
        for listed in self._client.list(self._container, self._prefix, marker=after, end_marker=before):
            yield self._as_object(listed)

    def list_backwards(self, folder: str, before: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder` whose keys sort before `before`, the last one first: few, then by larger pages."""
        for listed in self._client.list_backwards(self._container, self._prefix + below(folder), self._prefix + before):
            yield self._as_object(listed)

    def count_objects(self) -> int | None:
        """Return how many objects the container has, by its own books. Raise StoreError if it does not exist."""
        with self._client.request(f"count the objects of container {self._container}") as swift:
            return int(swift.head_container(self._container)["x-container-object-count"])

    def list_folders(self, folder: str) -> list[str]:
        """Return the names directly below `folder` that have objects below them, sorted, without slashes."""
        prefix = self._prefix + below(folder)
        listing = self._client.list(self._container, prefix, delimiter="/")
        # Swift sorts `ods-2/` before `ods/`.
        return sorted(entry["subdir"].removeprefix(prefix).strip("/") for entry in listing if "subdir" in entry)

    def find_lock(self, folder: str) -> str:
        """Return nothing: it keeps nothing from being deleted."""
        return ""

    def delete_folder(self, folder: str) -> int:
        """Delete every object below `folder` and the parts of every upload below it; return how many went."""
        if not below(folder):
            raise ValueError("a store is never deleted as a whole")
        prefix, count = self._prefix + below(folder), 0
        for container in (self._container, self._segments.container):
            for name in [listed["name"] for listed in self._client.list(container, prefix)]:
                self._client.delete(container, name)
                count += 1
        return count

    def rotate_key(self) -> None:
        """Sign with a new TempURL key from now on. What the last one signed stays good until it expires.

        The key before that one ends at once, and so would URLs of another program that signs with it.
        """
        with self._client.request("rotate the account's TempURL key") as swift:
            tempurl.rotate_key(swift)

    def _expiry(self, grace_seconds: int = 0) -> dict[str, str]:
        if self._expire_seconds is None:
            return {}
        return {"X-Delete-At": str(int(time.time() + self._expire_seconds + grace_seconds))}

    def _create_containers(self) -> None:
        if self._containers_exist:
            return
        for container in (self._container, self._segments.container):
            with self._client.request(f"create container {container}") as swift:
                swift.put_container(container)
        self._containers_exist = True

    def _sign(self, method: str, container: str, names: Sequence[str]) -> list[SignedRequest]:
        # The key is read each time: an operator may change it while a long upload runs.
        with self._client.request("read the account's TempURL key") as swift:
            key = tempurl.signing_key(swift)
            storage_url = swift.url
        return [tempurl.sign(storage_url, key, method, container, name, seconds=self._url_seconds) for name in names]

    def _as_object(self, listed: swift_client.Listed) -> StoredObject:
        return StoredObject(listed["name"].removeprefix(self._prefix), listed["bytes"], modified_at(listed), listed["hash"])

    def _head(self, key: str) -> dict[str, str] | None:
        with self._client.request(f"head object {key}") as swift, none_if_missing():
            return dict(swift.head_object(self._container, self._prefix + key))
        return None


def _rooms(kind: str, what: str, headers: Mapping[str, str]) -> list[Room]:
    quota = next((headers[name] for name in QUOTAS[kind] if headers.get(name)), None)
    return [Room(f"the quota of {what}", int(headers[f"x-{kind}-bytes-used"]), int(quota))] if quota else []


def _exists(key: str) -> errors.StoreError:
    return errors.StoreError(
        f"swift: put object {key}: it exists",
        hint=swift_client.HINTS[412],
    )


def _missing(key: str) -> errors.IntegrityError:
    return errors.IntegrityError(f"swift: object {key} is missing", hint="It was deleted, or never committed.")


def _broken(key: str, error: swiftclient.ClientException) -> errors.IntegrityError:
    return errors.IntegrityError(
        f"swift: object {key} has lost a part", detail=swift_client.describe(error), hint="A part was deleted or overwritten."
    )
