"""The contract of a store. Every implementation passes `tests/stores/conformance.py` against a real server.

A store holds *objects* under *keys*: `<database>/<recovery point>/<name>`, `/` between the levels. The store's own
prefix and container never show in a key. Two sorts of objects go in:

* small records (manifest, signature, verdict): `put_record`, in one request, from the control plane;
* artifacts of any size: the control plane opens an `Upload`, hands out one pre-signed PUT per part to the agent (the
  agent never holds a credential), and commits when the agent says what it sent.

Every method raises `StoreError` (with the server's status and request id in `detail`) when the store can't be reached
or refuses, and `IntegrityError` when what is there is not what was sent or asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol

from include.proven.manifest import Part


@dataclasses.dataclass(frozen=True)
class SignedRequest:
    """A request that anyone who holds it may make, until it expires.

    `headers` must be sent as they are, but for the text `{md5}`, which the sender replaces by the MD5 of the body in hex:
    so the store itself refuses a part that was damaged on the way.
    """

    method: str
    """`PUT` or `GET`"""
    url: str = dataclasses.field(repr=False)
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Upload:
    """An artifact that is being uploaded. `token` is the store's own (an S3 upload id); it is no secret."""

    key: str
    token: str = ""


@dataclasses.dataclass(frozen=True)
class StoredObject:
    """One object of a listing."""

    key: str
    bytes: int


class Store(Protocol):
    """Where artifacts live."""

    name: str
    """Its name in the fleet file."""

    def check(self) -> None:
        """Prove that the store can be reached, written and read with these credentials. Raise StoreError if not."""

    def begin_upload(self, key: str) -> Upload:
        """Open an upload of an artifact. Raise StoreError if an object of that key exists: objects are written once."""

    def presign_parts(self, upload: Upload, numbers: Sequence[int]) -> list[SignedRequest]:
        """Return one PUT for each part number (1 …). Each opens that one part, expires, and allows no other method."""

    def commit_upload(self, upload: Upload, parts: Sequence[Part]) -> None:
        """Read back size and checksum of every part from the store, compare, then make the object visible.

        Raise IntegrityError, naming the part, if one is missing or differs. Nothing is visible before that.
        """

    def abort_upload(self, upload: Upload) -> None:
        """Remove every part of an upload that was not committed. No error if there is nothing."""

    def list_uploads(self, folder: str) -> list[Upload]:
        """Return the uploads below `folder` that hold parts and are neither committed nor aborted, sorted by key."""

    def presign_get(self, key: str) -> SignedRequest:
        """Return a GET of the whole object that honours `Range: bytes=a-b`. Raise IntegrityError if it is missing."""

    def read_start(self, key: str, count: int) -> bytes:
        """Return the first `count` bytes (or all, if there are fewer). Raise IntegrityError if it is missing."""

    def put_record(self, key: str, content: bytes) -> None:
        """Write a small object, checksum verified by the store. Never overwrites: raise StoreError if it exists."""

    def get_record(self, key: str) -> bytes:
        """Return a small object. Raise KeyError if there is none."""

    def delete_record(self, key: str) -> None:
        """Delete a small object. No error if there is none."""

    def list_objects(self, folder: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder` (whole path components: `ods` never yields `ods_easy/…`), sorted by key.

        `folder` "" is the whole store. Parts of uploads are not objects and do not show.
        """

    def list_folders(self, folder: str) -> list[str]:
        """Return the names directly below `folder` that have objects below them, sorted, without slashes."""

    def delete_folder(self, folder: str) -> int:
        """Delete every object below `folder` and the parts of every upload below it, committed or not.

        Return how many objects and parts went. The folder must have at least one level (never the whole store).
        """
