"""A store in OpenStack Swift: records as plain objects, artifacts as Static Large Objects written by TempURL.

The parts of the artifact `<prefix>/<key>` are the objects `<prefix>/<key>/00000001` … of the container
`<container>_segments`. The manifest that names them, with the size and MD5 of each, makes them one object.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import secrets
from collections.abc import Iterator, Sequence
from typing import TypedDict

import requests
import swiftclient

from include.proven import connections, errors
from include.proven.fleet import model
from include.proven.manifest import Part
from include.proven.stores import static_large_object as slo
from include.proven.stores import swift_client, tempurl
from include.proven.stores.contract import OutgoingPart, SignedRequest, StoredObject, Upload, locate


class Listed(TypedDict, total=False):
    """One line of a container listing: an object, or a folder (`subdir`)."""

    name: str
    subdir: str
    bytes: int
    hash: str


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
        self._segments = f"{config.container}_segments"
        self._prefix = f"{config.prefix.strip('/')}/" if config.prefix.strip("/") else ""
        self._url_seconds = config.url_lifetime.total_seconds()
        self._client = swift_client.SwiftClient(connection, retries=retries)
        self._containers_exist = False

    def check(self) -> None:
        """Prove that the store can be reached, written and read with these credentials. Raise StoreError if not."""
        folder = f".check-{secrets.token_hex(8)}"
        upload = self.begin_upload(f"{folder}/probe")
        content = secrets.token_bytes(64)
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        part = Part(number=1, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=digest)
        try:
            tempurl.send(self.presign_parts(upload, locate([part]))[0], content)
            self.commit_upload(upload, [part])
            if tempurl.send(self.presign_get(upload.key)) != content:
                raise errors.StoreError("swift: read back the probe: it is not what was written")
        finally:
            self.delete_folder(folder)

    def begin_upload(self, key: str) -> Upload:
        """Open an upload of an artifact. Raise StoreError if an object of that key, or a part of it, exists."""
        self._create_containers()
        if self._head(key) is not None or self._listed_parts(key):
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
        listed = self._listed_parts(upload.key)
        return {part.number for part in parts if listed.get(self._part(upload.key, part.number)) == (part.bytes, part.md5)}

    def presign_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return one TempURL for each part."""
        signed = self._sign("PUT", self._segments, [self._part(upload.key, part.number) for part in parts])
        # The ETag makes Swift compare what arrives with what the agent read.
        return [
            SignedRequest(request.method, request.url, {"ETag": part.md5}) for request, part in zip(signed, parts, strict=True)
        ]

    def commit_upload(self, upload: Upload, parts: Sequence[Part]) -> None:
        """Compare every part in the store with what was sent, then write the manifest that makes them one object."""
        self._verify_parts(upload.key, parts)
        # Swift's manifests take no empty segment.
        entries = [
            slo.Entry(path=f"/{self._segments}/{self._part(upload.key, part.number)}", etag=part.md5, size_bytes=part.bytes)
            for part in parts
            if part.bytes
        ]
        if not entries:
            self.put_record(upload.key, b"")
            return
        with self._client.request(f"commit object {upload.key}") as swift:
            folder = self._folder(upload.key)
            top = slo.put_inner_manifests(swift, self._segments, folder, entries)
            slo.put_manifest(swift, self._container, self._prefix + upload.key, top)

    def abort_upload(self, upload: Upload) -> None:
        """Remove every part of an upload that was not committed."""
        if self._head(upload.key) is not None:
            raise errors.StoreError(f"swift: abort upload {upload.key}: it is committed")
        for name in self._listed_parts(upload.key):
            self._delete(self._segments, name)

    def list_uploads(self, folder: str) -> list[Upload]:
        """Return the uploads below `folder` that hold parts and are neither committed nor aborted, sorted by key."""
        names = (listed["name"] for listed in self._list(self._segments, _below(folder)))
        started = {name.removeprefix(self._prefix).rpartition("/")[0] for name in names}
        committed = {stored.key for stored in self.list_objects(folder)} if started else set()
        return [Upload(key) for key in sorted(started - committed)]

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
        self._create_containers()
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        with self._client.request(f"put object {key}") as swift:
            try:
                # `If-None-Match: *` is no lock: of two at the same moment both may win. Ids that never repeat are the lock.
                once, size = {"If-None-Match": "*"}, len(content)
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
        self._delete(self._container, self._prefix + key)

    def list_objects(self, folder: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder`, sorted by key. Raise StoreError if the container does not exist."""
        for listed in self._list(self._container, _below(folder)):
            yield StoredObject(listed["name"].removeprefix(self._prefix), listed["bytes"])

    def list_folders(self, folder: str) -> list[str]:
        """Return the names directly below `folder` that have objects below them, sorted, without slashes."""
        below = _below(folder)
        listing = self._list(self._container, below, delimiter="/")
        # Swift sorts `ods-2/` before `ods/`.
        return sorted(entry["subdir"].removeprefix(self._prefix + below).strip("/") for entry in listing if "subdir" in entry)

    def delete_folder(self, folder: str) -> int:
        """Delete every object below `folder` and the parts of every upload below it; return how many went."""
        below = _below(folder)
        if not below:
            raise ValueError("a store is never deleted as a whole")
        objects = [listed["name"] for listed in self._list(self._container, below)]
        parts = [listed["name"] for listed in self._list(self._segments, below)]
        for name in objects:
            self._delete(self._container, name)
        for name in parts:
            self._delete(self._segments, name)
        return len(objects) + len(parts)

    def _folder(self, key: str) -> str:
        return f"{self._prefix}{key}/"

    def _part(self, key: str, number: int) -> str:
        return f"{self._folder(key)}{number:08d}"

    def _create_containers(self) -> None:
        if self._containers_exist:
            return
        for container in (self._container, self._segments):
            with self._client.request(f"create container {container}") as swift:
                swift.put_container(container)
        self._containers_exist = True

    def _sign(self, method: str, container: str, names: Sequence[str]) -> list[SignedRequest]:
        # The key is read each time: an operator may change it while a long upload runs.
        with self._client.request("read the account's TempURL key") as swift:
            key = tempurl.signing_key(swift)
            storage_url = swift.url
        return [tempurl.sign(storage_url, key, method, container, name, seconds=self._url_seconds) for name in names]

    def _verify_parts(self, key: str, parts: Sequence[Part]) -> None:
        if [part.number for part in parts] != list(range(1, len(parts) + 1)):
            raise errors.IntegrityError(f"swift: commit object {key}: its parts are not numbered 1 to {len(parts)}")
        listed = self._listed_parts(key)
        for part in parts:
            name = self._part(key, part.number)
            # A listing may lag behind what is stored: the object itself has the last word.
            seen = listed.pop(name, None)
            if seen != (part.bytes, part.md5):
                seen = self._stored_part(name)
            _compare_part(key, part, seen)
        if listed:
            names = ", ".join(sorted(name.rpartition("/")[2] for name in listed))
            raise errors.IntegrityError(f"swift: commit object {key}: parts that nobody sent are in the store: {names}")

    def _listed_parts(self, key: str) -> dict[str, tuple[int, str]]:
        folder = self._folder(key)
        pattern = re.compile(re.escape(folder) + slo.SEGMENT)
        listing = self._list(self._segments, f"{key}/")
        return {entry["name"]: (entry["bytes"], entry["hash"]) for entry in listing if pattern.fullmatch(entry["name"])}

    def _stored_part(self, name: str) -> tuple[int, str] | None:
        with self._client.request(f"head part {name}") as swift, _none_if_missing():
            stored = swift.head_object(self._segments, name)
            return int(stored["content-length"]), str(stored["etag"]).strip('"')
        return None

    def _head(self, key: str) -> dict[str, str] | None:
        with self._client.request(f"head object {key}") as swift, _none_if_missing():
            return dict(swift.head_object(self._container, self._prefix + key))
        return None

    def _list(self, container: str, below: str, delimiter: str | None = None) -> Iterator[Listed]:
        marker = ""
        while True:
            with self._client.request(f"list container {container}") as swift:
                found = swift.get_container(container, marker=marker, prefix=self._prefix + below, delimiter=delimiter)
            page: list[Listed] = found[1]
            if not page:
                return
            yield from page
            marker = page[-1].get("name") or page[-1]["subdir"]

    def _delete(self, container: str, name: str) -> None:
        with self._client.request(f"delete object {name}") as swift, _none_if_missing():
            swift.delete_object(container, name)


def _below(folder: str) -> str:
    return f"{folder.strip('/')}/" if folder.strip("/") else ""


@contextlib.contextmanager
def _none_if_missing() -> Iterator[None]:
    try:
        yield
    except swiftclient.ClientException as error:
        if error.http_status != requests.codes.not_found:
            raise


def _compare_part(key: str, part: Part, seen: tuple[int, str] | None) -> None:
    if seen is None:
        raise errors.IntegrityError(f"swift: commit object {key}: part {part.number} is not in the store")
    if seen != (part.bytes, part.md5):
        raise errors.IntegrityError(
            f"swift: commit object {key}: part {part.number} is not what was sent",
            detail=f"sent {part.bytes} bytes, MD5 {part.md5}; stored {seen[0]} bytes, MD5 {seen[1]}",
            hint="Something else writes into this store, or it is damaged: find out before you trust it.",
        )


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
