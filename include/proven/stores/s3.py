"""A store in Amazon S3 or what speaks its API: records as plain objects, artifacts as multipart uploads by pre-signed URLs.

An artifact or record is the object `<prefix>/<key>` of the bucket. The parts of an upload are not objects: S3 keeps them until
the upload is completed, which makes them one, or aborted.
"""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import botocore.exceptions

from include.proven import connections, errors
from include.proven.fleet import model
from include.proven.manifest import Part
from include.proven.stores import s3_client, s3_deletion, s3_errors, s3_multipart, s3_options, s3_signed
from include.proven.stores.contract import OutgoingPart, Room, SignedRequest, StoredObject, Upload, locate

MISSING = frozenset({"404", "NoSuchKey"})
EMPTY = "InvalidRange"
"""Of an empty object there is no first byte."""
SKEWED = "RequestTimeTooSkewed"


class S3Store:
    """The `Store` contract on a bucket of S3."""

    def __init__(
        self,
        name: str,
        config: model.S3Store,
        connection: connections.Connection,
        *,
        retries: int = s3_client.RETRIES,
        page_size: int = s3_client.PAGE_SIZE,
    ) -> None:
        self.name = name
        self._config = config
        self._prefix = f"{config.prefix}/" if config.prefix else ""
        self._url_seconds = config.url_lifetime.total_seconds()
        self._client = s3_client.S3Client(connection, config.bucket, retries=retries, page_size=page_size)
        self._retries = retries
        self._verify = connection.extra.get("verify", True)
        self._uploads = s3_multipart.Multipart(self._client, self._prefix)

    def check(self) -> None:
        """Prove that the store can be reached, written and read with these credentials. Raise StoreError if not.

        Nothing that it writes is locked: an upload that is never completed, and a record without `keep`.
        """
        list(self.list_folders(""))  # first of all, for its answer has words, and HEAD's has none
        self._check_lock()
        folder, content = f".check-{secrets.token_hex(8)}", secrets.token_bytes(64)
        upload = self.begin_upload(f"{folder}/upload")
        try:
            (part,) = locate([_describe(content)])
            self._send(self.presign_parts(upload, [part])[0], content)
            if not self.find_parts(upload, [part]):
                raise errors.StoreError("s3: look for the probe's part: it is not what was written")
            self.put_record(f"{folder}/record", content)
            if self._send(self.presign_get(f"{folder}/record")) != content:
                raise errors.StoreError("s3: read back the probe: it is not what was written")
        finally:
            self.delete_folder(folder)

    def rooms(self) -> list[Room]:
        """Return nothing: S3 has no limit that it would tell."""
        return []

    def clock(self) -> datetime.datetime:
        """Return the time that an answer bears; one that refuses us because the clocks disagree has it too."""
        with self._client.request("ask for the time") as s3:
            try:
                answer = s3.list_objects_v2(Bucket=self._client.bucket, Prefix=self._prefix, MaxKeys=1)
            except botocore.exceptions.ClientError as error:
                if s3_errors.code_of(error) != SKEWED:
                    raise
                answer = error.response
            return email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])

    def begin_upload(self, key: str) -> Upload:
        """Open an upload of an artifact. Raise StoreError if an object or an open upload of that key exists."""
        self._refuse_existing(key)
        return self._uploads.begin(key, s3_options.of_artifact(self._config))

    def resume_upload(self, key: str) -> Upload:
        """Return the open upload of that key, or open one. Raise StoreError if an object of that key exists."""
        self._refuse_existing(key)
        found = self._uploads.find(key)
        if not found:
            return self.begin_upload(key)
        # A lost answer may have left two: parts are in the one that was known.
        return max(found, key=lambda upload: len(self._uploads.parts(upload)))

    def find_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> set[int]:
        """Return the numbers of those parts that are there with that size and checksum."""
        stored = self._uploads.parts(upload)
        return {part.number for part in parts if part.number in stored and stored[part.number].is_same(part)}

    def presign_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return one pre-signed PUT for each part."""
        name = self._prefix + upload.key
        return [s3_signed.sign_part(self._client, name, upload.token, part, seconds=self._url_seconds) for part in parts]

    def commit_upload(self, upload: Upload, parts: Sequence[Part]) -> None:
        """Compare every part in the store with what was sent, complete the upload, and compare its size."""
        self._refuse_existing(upload.key)
        stored = self._uploads.parts(upload)
        s3_multipart.compare(upload.key, parts, stored)
        if filled := [part.number for part in parts if part.bytes]:
            self._uploads.complete(upload, filled, stored)
        else:  # S3 completes no upload without parts
            self._put(upload.key, b"", s3_options.of_artifact(self._config))
            self._uploads.abort(upload)
        expected, seen = sum(part.bytes for part in parts), self._head(upload.key)
        if seen is None or seen["ContentLength"] != expected:
            raise errors.IntegrityError(
                f"s3: commit object {upload.key}: it is not what was sent",
                detail=f"sent {expected} bytes; stored {seen['ContentLength'] if seen else 'nothing'}",
            )
        retention = s3_options.of_retention(self._config)
        if retention and "ObjectLockMode" not in seen:
            # Some servers forget, when an upload is completed, with what it was begun.
            with self._client.request(f"lock object {upload.key}") as s3:
                s3.put_object_retention(**self._name(upload.key), Retention=retention)

    def abort_upload(self, upload: Upload) -> None:
        """Remove every part of an upload that was not committed. No error if there is nothing."""
        self._uploads.abort(upload)

    def list_uploads(self, folder: str) -> list[Upload]:
        """Return the uploads below `folder` that are neither committed nor aborted, sorted by key."""
        found = sorted(self._uploads.list(_below(folder)), key=lambda upload: upload.key)
        return [Upload(upload.key, upload.token, self._touched_at(upload)) for upload in found]

    def presign_get(self, key: str) -> SignedRequest:
        """Return a pre-signed GET of the whole object, or of ranges of it. Raise IntegrityError if it is missing."""
        if self._head(key) is None:
            raise _missing(key)
        return s3_signed.sign_get(self._client, self._prefix + key, seconds=self._url_seconds)

    def read_start(self, key: str, count: int) -> bytes:
        """Return the first `count` bytes (or all, if there are fewer). Raise IntegrityError if it is missing."""
        content = self._read(key, MISSING | {EMPTY}, Range=f"bytes=0-{count - 1}")
        if content is None and self._head(key) is None:
            raise _missing(key)
        return content or b""

    def put_record(self, key: str, content: bytes, *, keep: bool = False) -> None:
        """Write a small object, checksums verified by S3. Never overwrites: raise StoreError if it exists."""
        self._refuse_existing(key)  # for a server that overlooks the condition of the request
        self._put(key, content, s3_options.of_record(self._config, keep=keep))

    def get_record(self, key: str) -> bytes:
        """Return a small object. Raise KeyError if there is none."""
        content = self._read(key, MISSING)
        if content is None:
            raise KeyError(key)
        return content

    def delete_record(self, key: str) -> None:
        """Delete a small object. No error if there is none."""
        with self._client.request(f"delete object {key}", ignore=MISSING) as s3:
            s3.delete_object(**self._name(key))

    def delete_artifact(self, key: str) -> None:
        """Delete one committed artifact; with Object Lock all its versions, or, if one is locked, none (StoreError)."""
        name = self._prefix + key
        self._delete(key, [found for found in self._find_all(name) if found.name == name])

    def list_objects(self, folder: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder`, sorted by key."""
        for page in self._client.pages("list objects", "list_objects_v2", Prefix=self._prefix + _below(folder)):
            for entry in page.get("Contents", []):
                yield self._as_object(entry)

    def list_range(self, after: str, before: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys sort between these two, sorted by key."""
        asked = {"Prefix": self._prefix, "StartAfter": self._prefix + after}
        for page in self._client.pages("list objects", "list_objects_v2", **asked):
            for entry in page.get("Contents", []):
                stored = self._as_object(entry)
                if stored.key >= before:
                    return
                yield stored

    def list_backwards(self, folder: str, before: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder` whose keys sort before `before`, the last one first. S3 lists forwards only."""
        yield from reversed([stored for stored in self.list_objects(folder) if stored.key < before])

    def count_objects(self) -> int | None:
        """Return None: S3 does not say it."""
        return None

    def list_folders(self, folder: str) -> list[str]:
        """Return the names directly below `folder` that have objects below them, sorted, without slashes."""
        below = self._prefix + _below(folder)
        pages = self._client.pages("list objects", "list_objects_v2", Prefix=below, Delimiter="/")
        # S3 sorts `ods-2/` before `ods/`.
        return sorted(
            entry["Prefix"].removeprefix(below).strip("/") for page in pages for entry in page.get("CommonPrefixes", [])
        )

    def find_lock(self, folder: str) -> str:
        """Return the lock that ends last, of any version below a folder: `locked until 2026-12-21 04:35:12 UTC`."""
        if not self._config.object_lock:
            return ""
        versions = s3_deletion.list_versions(self._client, self._prefix + _below(folder))
        return str(s3_deletion.find_lock(self._client, versions) or "")

    def delete_folder(self, folder: str) -> int:
        """Delete every object below `folder` and the parts of every open upload below it; return how many went.

        Where the fleet file has an Object Lock, every version of them goes, or, if one is still locked, none: then raise
        StoreError.
        """
        below = _below(folder)
        if not below:
            raise ValueError("a store is never deleted as a whole")
        uploads = list(self._uploads.list(below))
        parts = sum(len(self._uploads.parts(upload)) for upload in uploads)
        for upload in uploads:
            self._uploads.abort(upload)
        objects = self._find_all(self._prefix + below)
        self._delete(folder, objects)
        return sum(not version.is_marker for version in objects) + parts

    def _find_all(self, beginning: str) -> list[s3_deletion.Version]:
        """Return all whose names in the bucket begin so: objects, or where there is an Object Lock every version of them."""
        if self._config.object_lock:
            return s3_deletion.list_versions(self._client, beginning)
        pages = self._client.pages("list objects", "list_objects_v2", Prefix=beginning)
        return [s3_deletion.Version(entry["Key"]) for page in pages for entry in page.get("Contents", [])]

    def _delete(self, what: str, objects: Sequence[s3_deletion.Version]) -> None:
        if self._config.object_lock:
            s3_deletion.refuse_locked(self._client, what, objects)
        s3_deletion.delete(self._client, what, objects)

    def _send(self, request: SignedRequest, content: bytes = b"") -> bytes:
        return s3_signed.send(request, content, retries=self._retries, verify=self._verify)

    def _check_lock(self) -> None:
        if self._config.object_lock:
            with self._client.request("read the bucket's Object Lock") as s3:
                s3.get_object_lock_configuration(Bucket=self._client.bucket)

    def _touched_at(self, upload: Upload) -> datetime.datetime | None:
        moments = [part.modified_at for part in self._uploads.parts(upload).values()]
        return max(moments, default=upload.touched_at)

    def _refuse_existing(self, key: str) -> None:
        if self._head(key) is not None:
            raise s3_multipart.exists(key)

    def _as_object(self, entry: dict[str, Any]) -> StoredObject:
        # with some kinds of encryption the ETag is something else, as it is of an upload in parts
        md5 = entry["ETag"].strip('"')
        return StoredObject(entry["Key"].removeprefix(self._prefix), entry["Size"], entry["LastModified"], md5)

    def _head(self, key: str) -> dict[str, Any] | None:
        with self._client.request(f"head object {key}", ignore=MISSING) as s3:
            return dict(s3.head_object(**self._name(key)))
        return None

    def _read(self, key: str, ignore: frozenset[str], **arguments: str) -> bytes | None:
        return self._client.read(f"get object {key}", self._prefix + key, ignore=ignore, **arguments)

    def _put(self, key: str, content: bytes, options: dict[str, Any]) -> None:
        part = _describe(content)
        checksums = {"ContentMD5": s3_signed.to_base64(part.md5), "ChecksumSHA256": s3_signed.to_base64(part.sha256)}
        request = {**self._name(key), "Body": content, **checksums, **options}
        with self._client.request(f"put object {key}") as s3:
            try:
                s3.put_object(**request, IfNoneMatch="*")
            except botocore.exceptions.ClientError as error:
                code = s3_errors.code_of(error)
                if code == "NotImplemented":  # a server that knows no conditions; ids that never repeat are the lock
                    s3.put_object(**request)
                elif code not in s3_multipart.LOST_ANSWER:
                    raise
                # A first try may have been written though its answer was lost.
                elif not s3_errors.was_retried(error) or self._read(key, MISSING) != content:
                    raise s3_multipart.exists(key) from error

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._client.bucket, "Key": self._prefix + key}


def _below(folder: str) -> str:
    return f"{folder.strip('/')}/" if folder.strip("/") else ""


def _describe(content: bytes) -> Part:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Part(number=1, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=md5)


def _missing(key: str) -> errors.IntegrityError:
    return errors.IntegrityError(f"s3: object {key} is missing", hint="It was deleted, or never committed.")
