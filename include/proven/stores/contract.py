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
import datetime
import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

from include.proven.manifest import Part


@dataclasses.dataclass(frozen=True)
class SignedRequest:
    """A request that anyone who holds it may make, until it expires. `headers` must be sent as they are.

    A `file:` URL is the path of a file that the sender writes or reads itself; `Range` or, in a PUT, `Content-Range`
    says which bytes of it.
    """

    method: str
    """`PUT` or `GET`"""
    url: str = dataclasses.field(repr=False)
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class OutgoingPart:
    """A part that is about to be sent: where it begins in the artifact, its size (both in bytes) and checksums in hex."""

    number: int
    """1, 2, 3 …"""
    offset: int
    bytes: int
    sha256: str
    md5: str


def locate(parts: Sequence[Part]) -> list[OutgoingPart]:
    """Return the parts of an artifact, all of them and in order, with the offset at which each begins."""
    offsets = itertools.accumulate((part.bytes for part in parts), initial=0)
    return [
        OutgoingPart(part.number, offset, part.bytes, part.sha256, part.md5)
        for part, offset in zip(parts, offsets, strict=False)  # the last offset is the artifact's end
    ]


@dataclasses.dataclass(frozen=True)
class Upload:
    """An artifact that is being uploaded. `token` is the store's own (an S3 upload id); it is no secret."""

    key: str
    token: str = ""
    touched_at: datetime.datetime | None = dataclasses.field(default=None, compare=False)
    """When its youngest part came in, or, if it has none, when it was opened; only `list_uploads` says it."""


@dataclasses.dataclass(frozen=True)
class StoredObject:
    """One object of a listing."""

    key: str
    bytes: int
    modified_at: datetime.datetime | None = dataclasses.field(default=None, compare=False)
    """When it was written, by the store's clock."""
    md5: str = dataclasses.field(default="", compare=False)
    """Of a record's content, in hex, where the store lists it; empty or something else where it does not."""


@dataclasses.dataclass(frozen=True)
class Room:
    """How full something is that limits a store."""

    limit: str
    """What it is: `the disk`, `the quota of container proven_segments`."""
    used: int
    """Bytes, whoever wrote them."""
    capacity: int
    """Bytes."""


class Store(Protocol):
    """Where artifacts live."""

    name: str
    """Its name in the fleet file."""

    def check(self) -> None:
        """Prove that the store can be reached, written and read with these credentials. Raise StoreError if not."""

    def rooms(self) -> list[Room]:
        """Return how full each limit is that the store itself knows: its quotas, its disk. None of them: nothing is known."""

    def clock(self) -> datetime.datetime:
        """Return the time (UTC) by the store's own clock, as it was within this call; servers tell whole seconds."""

    def begin_upload(self, key: str) -> Upload:
        """Open an upload of an artifact. Raise StoreError if an object or an open upload of that key exists."""

    def resume_upload(self, key: str) -> Upload:
        """Return the open upload of that key, or open one. Raise StoreError if an object of that key exists."""

    def find_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> set[int]:
        """Return the numbers of those parts that the store holds already, with that very size and checksum.

        A part that is there with another size or checksum is not among them: it may be sent again.
        """

    def presign_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return one PUT for each part. Each opens that one part, expires, and allows no other method.

        The store itself refuses a body that is not the part's: its size and checksum are in the request.
        """

    def commit_upload(self, upload: Upload, parts: Sequence[Part]) -> None:
        """Read back size and checksum of every part from the store, compare, then make the object visible.

        Raise IntegrityError, naming the part, if one is missing or differs. Nothing is visible before that.
        """

    def abort_upload(self, upload: Upload) -> None:
        """Remove every part of an upload that was not committed. No error if there is nothing."""

    def list_uploads(self, folder: str) -> list[Upload]:
        """Return the uploads below `folder` that are neither committed nor aborted, sorted by key."""

    def presign_get(self, key: str) -> SignedRequest:
        """Return a GET of the whole object that honours `Range: bytes=a-b`. Raise IntegrityError if it is missing."""

    def read_start(self, key: str, count: int) -> bytes:
        """Return the first `count` bytes (or all, if there are fewer). Raise IntegrityError if it is missing."""

    def put_record(self, key: str, content: bytes, *, keep: bool = False) -> None:
        """Write a small object, checksum verified by the store. Never overwrites: raise StoreError if it exists.

        With `keep`, the store's own retention (Object Lock, expiry) goes for it as it does for artifacts.
        """

    def get_record(self, key: str) -> bytes:
        """Return a small object. Raise KeyError if there is none."""

    def delete_record(self, key: str) -> None:
        """Delete a small object. No error if there is none."""

    def delete_artifact(self, key: str) -> None:
        """Delete one committed artifact with its parts, as `delete_folder` deletes many. No error if there is none."""

    def list_objects(self, folder: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder` (whole path components: `ods` never yields `ods_easy/…`), sorted by key.

        `folder` "" is the whole store. Parts of uploads are not objects and do not show.
        """

    def list_range(self, after: str, before: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys sort between these two (both left out), sorted by key: many folders by few requests."""

    def list_backwards(self, folder: str, before: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder` whose keys sort before `before`, the last one first.

        A store that can reads no further than it is asked: the newest of a thousand recovery points cost what those of ten do.
        """

    def count_objects(self) -> int | None:
        """Return about how many objects there are, other prefixes' among them; None where only a listing of all would tell."""

    def list_folders(self, folder: str) -> list[str]:
        """Return the names directly below `folder` that have objects below them, sorted, without slashes."""

    def find_lock(self, folder: str) -> str:
        """Return in a few words why the store itself would refuse `delete_folder` (a lock), or an empty string."""

    def delete_folder(self, folder: str) -> int:
        """Delete every object below `folder` and the parts of every upload below it, committed or not.

        Return how many objects and parts went. The folder must have at least one level (never the whole store).
        """
