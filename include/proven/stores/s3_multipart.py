"""Multipart uploads: how S3 takes an artifact in parts.

See https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html. S3 lets a key have many open
uploads; here it has one.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import botocore.exceptions

from include.proven import errors
from include.proven.manifest import Part
from include.proven.stores import s3_client, s3_errors, s3_signed
from include.proven.stores.contract import OutgoingPart, Upload

LOST_ANSWER = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchUpload"}
"""How S3 refuses to complete an upload once more."""

GONE = frozenset({"NoSuchUpload", "404"})
"""How S3 says that there is no such upload; the number, if it says no word."""
ABORTS = 3


@dataclasses.dataclass(frozen=True)
class StoredPart:
    """A part as the store lists it."""

    bytes: int
    etag: str
    sha256: str
    """In Base64; empty where the server keeps none."""
    modified_at: datetime.datetime

    def is_same(self, part: Part | OutgoingPart) -> bool:
        """Return whether it is that part: size and SHA-256, or, where the server keeps none, size and MD5."""
        # With a KMS key the ETag is no MD5; Amazon, which does that, keeps the SHA-256.
        same = self.sha256 == s3_signed.to_base64(part.sha256) if self.sha256 else self.etag == part.md5
        return same and self.bytes == part.bytes


class Multipart:
    """The uploads of a bucket, below a prefix."""

    def __init__(self, client: s3_client.S3Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def begin(self, key: str, options: dict[str, Any]) -> Upload:
        """Open an upload. Raise StoreError if that key has one."""
        if self.find(key):
            raise exists(key)
        with self._client.request(f"begin upload {key}") as s3:
            answer = s3.create_multipart_upload(**self._name(key), ChecksumAlgorithm="SHA256", **options)
        mine = Upload(key, answer["UploadId"])
        others = [other for other in self.find(key) if other != mine]
        if others and not answer["ResponseMetadata"].get("RetryAttempts"):
            self.abort(mine)  # somebody opened one at the same moment
            raise exists(key)
        for other in others:
            self.abort(other)  # ours, of a first try whose answer was lost
        return mine

    def find(self, key: str) -> list[Upload]:
        """Return the open uploads of exactly that key, as the server sorts them: the first opened first."""
        return [upload for upload in self.list(key) if upload.key == key]

    def list(self, below: str) -> Iterator[Upload]:
        """Yield the open uploads whose keys begin so, each with the moment when it was opened."""
        pages = self._client.pages("list uploads", "list_multipart_uploads", Prefix=self._prefix + below)
        for page in pages:
            for entry in page.get("Uploads", []):
                yield Upload(entry["Key"].removeprefix(self._prefix), entry["UploadId"], entry["Initiated"])

    def parts(self, upload: Upload) -> dict[int, StoredPart]:
        """Return the parts that are there, by their numbers; none if the upload is not."""
        found = {}
        for page in self._client.pages(f"list parts of {upload.key}", "list_parts", ignore=GONE, **self._of(upload)):
            for entry in page.get("Parts", []):
                etag, sha256 = entry["ETag"].strip('"'), entry.get("ChecksumSHA256", "")
                found[entry["PartNumber"]] = StoredPart(entry["Size"], etag, sha256, entry["LastModified"])
        return found

    def complete(self, upload: Upload, parts: Sequence[int], stored: dict[int, StoredPart]) -> None:
        """Make these parts one object. Raise StoreError if there is one of that key, unless it may be this one."""
        chosen = [_entry(number, stored[number]) for number in parts]
        with self._client.request(f"commit object {upload.key}") as s3:
            try:
                s3.complete_multipart_upload(**self._of(upload), MultipartUpload={"Parts": chosen}, IfNoneMatch="*")
            except botocore.exceptions.ClientError as error:
                code = s3_errors.code_of(error)
                if code == "NotImplemented":  # a server that knows no conditions; ids that never repeat are the lock
                    s3.complete_multipart_upload(**self._of(upload), MultipartUpload={"Parts": chosen})
                elif code not in LOST_ANSWER or not s3_errors.was_retried(error):
                    raise

    def abort(self, upload: Upload) -> None:
        """Remove an upload and its parts. No error if there is none. Raise StoreError if parts keep coming in."""
        # A part that was on its way may come in after its upload is gone: Amazon says to look, and to abort again.
        for _ in range(ABORTS):
            with self._client.request(f"abort upload {upload.key}", ignore=GONE) as s3:
                s3.abort_multipart_upload(**self._of(upload))
            if not self.parts(upload):
                return
        raise errors.StoreError(
            f"s3: abort upload {upload.key}: parts keep coming in", hint="Something still sends them: stop it, then try again."
        )

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._client.bucket, "Key": self._prefix + key}

    def _of(self, upload: Upload) -> dict[str, str]:
        return {**self._name(upload.key), "UploadId": upload.token}


def exists(key: str) -> errors.StoreError:
    """Return the error for a key that is taken."""
    return errors.StoreError(f"s3: put object {key}: it exists", hint=s3_errors.HINTS["PreconditionFailed"])


def compare(key: str, parts: Sequence[Part], stored: Mapping[int, StoredPart]) -> None:
    """Raise IntegrityError, naming the part, unless the store holds exactly these parts."""
    if [part.number for part in parts] != list(range(1, len(parts) + 1)):
        raise errors.IntegrityError(f"s3: commit object {key}: its parts are not numbered 1 to {len(parts)}")
    for part in parts:
        seen = stored.get(part.number)
        if seen is None:
            raise errors.IntegrityError(f"s3: commit object {key}: part {part.number} is not in the store")
        if not seen.is_same(part):
            raise errors.IntegrityError(
                f"s3: commit object {key}: part {part.number} is not what was sent",
                detail=f"sent {part.bytes} bytes, SHA-256 {part.sha256}, MD5 {part.md5}; stored {seen}",
                hint="Something else writes into this store, or it is damaged: find out before you trust it.",
            )
    if unknown := sorted(set(stored) - {part.number for part in parts}):
        names = ", ".join(f"{number:08d}" for number in unknown)
        raise errors.IntegrityError(f"s3: commit object {key}: parts that nobody sent are in the store: {names}")


def _entry(number: int, stored: StoredPart) -> dict[str, Any]:
    checksum = {"ChecksumSHA256": stored.sha256} if stored.sha256 else {}
    return {"PartNumber": number, "ETag": stored.etag, **checksum}
