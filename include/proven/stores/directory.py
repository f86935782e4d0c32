"""A store in a directory: a mounted disk or share. The agent writes and reads its files itself.

The object of a key is the file `<path>/<prefix>/<key>`, to be read by hand. An upload that is open is one file,
`<path>/<prefix>/.uploads/<key>`, in which each part has its place; the commit gives it its name by a hard link, so that nothing
is ever overwritten. What a crash leaves of a record lies there too. Files have mode 0600, folders 0700.

The path must exist. An empty mount point exists too, so name a folder *on* the disk: it is not there when the disk is not.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import os
import pathlib
import secrets
import urllib.parse
from collections.abc import Iterator, Sequence

from include.proven import errors
from include.proven.fleet import model
from include.proven.manifest import Part
from include.proven.stores import disk
from include.proven.stores.contract import OutgoingPart, Room, SignedRequest, StoredObject, Upload, locate

UPLOADS = ".uploads"
NO_KEYS = frozenset({UPLOADS, "lost+found"})
"""Not ours at the top: an ext4 disk's own folder has the second name, and only root may read it."""


class DirectoryStore:
    """The `Store` contract on a directory. It has no retention of its own: `keep` changes nothing."""

    def __init__(self, name: str, config: model.DirectoryStore) -> None:
        self.name = name
        self._path = config.path.absolute()
        if ".." in config.prefix.split("/"):
            raise errors.ConfigError(f"store {name}: prefix {config.prefix!r} leads out of the directory")
        self._objects = self._path / config.prefix
        self._uploads = self._objects / UPLOADS

    def check(self) -> None:
        """Prove that the directory can be written and read, and has room. Raise StoreError if not."""
        folder, content = f".check-{secrets.token_hex(8)}", secrets.token_bytes(64)
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        part = Part(number=1, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=digest)
        self._require_room()
        try:
            upload = self.begin_upload(f"{folder}/probe")
            with disk.translated("write the probe"), self._open(upload) as descriptor:
                disk.write_to_disk(descriptor, content)
            self.commit_upload(upload, [part])
            if self.get_record(upload.key) != content:
                raise errors.StoreError("directory: read back the probe: it is not what was written")
        finally:
            self.delete_folder(folder)

    def rooms(self) -> list[Room]:
        """Return how full the disk is, as `df` has it: what only root may fill is no room. A share may not tell."""
        self._require_path()
        with disk.translated("look for room"):
            state = os.statvfs(self._path)
        if not state.f_blocks:
            return []
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
        return [Room("the disk", used, used + state.f_bavail * state.f_frsize)]

    def clock(self) -> datetime.datetime:
        """Return when the disk's machine says that an empty file was made."""
        probe = self._uploads / f".clock-{secrets.token_hex(8)}"
        with disk.translated("ask for the time"):
            try:
                os.close(disk.with_folders(probe, self._path, lambda: disk.open_file(probe, new=True)))
                return _modified_at(probe.stat())
            finally:
                disk.remove(probe, self._objects)

    def begin_upload(self, key: str) -> Upload:
        """Open an upload of an artifact. Raise StoreError if an object or an open upload of that key exists."""
        return self._begin(key, again=False)

    def resume_upload(self, key: str) -> Upload:
        """Return the open upload of that key, or open one. Raise StoreError if an object of that key exists."""
        return self._begin(key, again=True)

    def find_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> set[int]:
        """Return the numbers of those parts whose place holds them, by their SHA-256: every byte is read."""
        with disk.translated(f"find parts of {upload.key}"):
            try:
                with self._open(upload) as descriptor:
                    ranges = {part.number: disk.read_range(descriptor, part.offset, part.bytes) for part in parts}
            except FileNotFoundError:
                return set()
        return {part.number for part in parts if _is(part, ranges[part.number])}

    def presign_parts(self, upload: Upload, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return for each part the file and its place in it. No signature is needed: who may write the file may write it."""
        url = _url(self._place(upload.key, self._uploads))
        return [SignedRequest("PUT", url, _range_of(part)) for part in parts]

    def commit_upload(self, upload: Upload, parts: Sequence[Part]) -> None:
        """Bring the upload to the disk, compare every part of it there with what was sent, then give it its name."""
        source, target = self._place(upload.key, self._uploads), self._place(upload.key)
        with disk.translated(f"commit object {upload.key}"):
            try:
                with self._open(upload) as descriptor:
                    disk.bring_to_disk(descriptor)
                    _verify(upload.key, parts, descriptor)
                disk.move_once(source, target, self._path)
            except FileNotFoundError as error:
                raise errors.IntegrityError(f"directory: commit object {upload.key}: part 1 is not in the store") from error
            except FileExistsError as error:
                raise _exists(upload.key) from error

    def abort_upload(self, upload: Upload) -> None:
        """Remove the file of an upload that was not committed."""
        path = self._place(upload.key, self._uploads)
        with disk.translated(f"abort upload {upload.key}"):
            disk.remove(path, self._objects)

    def list_uploads(self, folder: str) -> list[Upload]:
        """Return the uploads below `folder` that are neither committed nor aborted, sorted by key."""
        with disk.translated("list uploads"):
            return [Upload(key, touched_at=_modified_at(state)) for key, state in self._walk(folder, self._uploads)]

    def presign_get(self, key: str) -> SignedRequest:
        """Return the object's file. Raise IntegrityError if it is missing."""
        path = self._place(key)
        with disk.translated(f"read object {key}"):
            if not path.is_file():
                raise _missing(key)
        return SignedRequest("GET", _url(path))

    def read_start(self, key: str, count: int) -> bytes:
        """Return the first `count` bytes (or all, if there are fewer). Raise IntegrityError if it is missing."""
        try:
            return self._read(key, count)
        except KeyError as error:
            raise _missing(key) from error

    def put_record(self, key: str, content: bytes, *, keep: bool = False) -> None:
        """Write a small object, read back from the disk before it has its name. Raise StoreError if it exists."""
        target = self._place(key)
        temporary = self._place(key, self._uploads).with_name(f".record-{secrets.token_hex(8)}")
        with disk.translated(f"put object {key}"):
            try:
                if os.path.lexists(target):
                    raise _exists(key)
                disk.with_folders(temporary, self._path, lambda: disk.write_new(temporary, content))
                disk.move_once(temporary, target, self._path)
            except FileExistsError as error:
                raise _exists(key) from error
            finally:
                disk.remove(temporary, self._objects)

    def get_record(self, key: str) -> bytes:
        """Return a small object. Raise KeyError if there is none."""
        return self._read(key, -1)

    def delete_record(self, key: str) -> None:
        """Delete a small object. No error if there is none."""
        path = self._place(key)
        with disk.translated(f"delete object {key}"):
            disk.remove(path, self._objects)

    def delete_artifact(self, key: str) -> None:
        """Delete one committed artifact: it is one file."""
        self.delete_record(key)

    def list_objects(self, folder: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder`, sorted by key."""
        with disk.translated("list objects"):
            for key, state in self._walk(folder, self._objects):
                yield StoredObject(key, state.st_size, _modified_at(state))

    def list_range(self, after: str, before: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys sort between these two, sorted by key."""
        return (stored for stored in self.list_objects("") if after < stored.key < before)

    def list_backwards(self, folder: str, before: str) -> Iterator[StoredObject]:
        """Yield the objects below `folder` whose keys sort before `before`, the last one first, no further than it is asked."""
        with disk.translated("list objects"):
            for key, state in self._walk(folder, self._objects, before):
                yield StoredObject(key, state.st_size, _modified_at(state))

    def count_objects(self) -> int | None:
        """Return None: only a listing would tell."""
        return None

    def list_folders(self, folder: str) -> list[str]:
        """Return the names directly below `folder` that have objects below them, sorted, without slashes."""
        below = f"{folder.strip('/')}/" if folder.strip("/") else ""
        rests = (stored.key.removeprefix(below) for stored in self.list_objects(folder))
        return sorted({rest.partition("/")[0] for rest in rests if "/" in rest})

    def find_lock(self, folder: str) -> str:
        """Return nothing: it keeps nothing from being deleted."""
        return ""

    def delete_folder(self, folder: str) -> int:
        """Delete every object below `folder` and every upload below it; return how many went."""
        if not folder.strip("/"):
            raise ValueError("a store is never deleted as a whole")
        places = [self._place(folder.strip("/"), top) for top in (self._objects, self._uploads)]
        with disk.translated(f"delete folder {folder}"):
            return sum(disk.remove_tree(place, self._objects) for place in places)

    def _require_room(self) -> None:
        self._require_path()
        with disk.translated("look for room"):
            state = os.statvfs(self._path)
        # A share that does not tell says 0 of 0.
        if (state.f_blocks and not state.f_bavail) or (state.f_files and not state.f_favail):
            raise errors.StoreError(f"directory: {self._path} has no room", hint=disk.HINTS[errno.ENOSPC])

    def _require_path(self) -> None:
        with disk.translated(f"look for {self._path}"):
            if not self._path.is_dir():
                raise errors.StoreError(
                    f"directory: {self._path} is not there",
                    hint="Mount the disk, or make the directory: it is never made for you, so that no mount point is filled.",
                )

    def _place(self, key: str, top: pathlib.Path | None = None) -> pathlib.Path:
        """Return the file of a key. Raise ValueError if no file can have that name, StoreError if a link leads it elsewhere."""
        levels = key.split("/")
        if levels[0] in NO_KEYS or "\0" in key or not {"", ".", ".."}.isdisjoint(levels):
            raise ValueError(f"{key!r} can't be the name of an object in a directory")
        self._require_path()
        path = (top or self._objects) / key
        with disk.translated(f"find {key}"):
            if not pathlib.Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._objects)):
                raise errors.StoreError(f"directory: {key} leads out of {self._objects}", hint="Somebody put a link there.")
        return path

    def _begin(self, key: str, *, again: bool) -> Upload:
        path, target = self._place(key, self._uploads), self._place(key)
        with disk.translated(f"open upload {key}"):
            try:
                if os.path.lexists(target):
                    raise _exists(key)
                os.close(disk.with_folders(path, self._path, lambda: disk.open_file(path, new=not again)))
            except FileExistsError as error:
                raise _exists(key) from error
        return Upload(key)

    @contextlib.contextmanager
    def _open(self, upload: Upload) -> Iterator[int]:
        descriptor = os.open(self._place(upload.key, self._uploads), os.O_RDWR | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _read(self, key: str, count: int) -> bytes:
        path = self._place(key)
        with disk.translated(f"read object {key}"):
            try:
                with path.open("rb") as file:
                    return file.read(count)
            except disk.NOT_A_FILE as error:
                raise KeyError(key) from error

    def _walk(self, folder: str, top: pathlib.Path, before: str = "") -> Iterator[tuple[str, os.stat_result]]:
        below = folder.strip("/")
        if below:
            return disk.walk(self._place(below, top), f"{below}/", before=before)
        self._require_path()
        return disk.walk(top, skip=NO_KEYS, before=before)


def _range_of(part: OutgoingPart) -> dict[str, str]:
    # Of no bytes there is no range.
    return {"Content-Range": f"bytes {part.offset}-{part.offset + part.bytes - 1}/*"} if part.bytes else {}


def _verify(key: str, parts: Sequence[Part], descriptor: int) -> None:
    doing = f"directory: commit object {key}"
    if [part.number for part in parts] != list(range(1, len(parts) + 1)):
        raise errors.IntegrityError(f"{doing}: its parts are not numbered 1 to {len(parts)}")
    for part in locate(parts):
        found = disk.read_range(descriptor, part.offset, part.bytes)
        if not _is(part, found):
            raise _refused(f"{doing}: part {part.number}", part, found)
    beyond = os.fstat(descriptor).st_size - sum(part.bytes for part in parts)
    if beyond:
        raise errors.IntegrityError(f"{doing}: {beyond} bytes that nobody sent are in the store, after part {len(parts)}")


def _is(part: OutgoingPart, found: disk.Found) -> bool:
    return (found.bytes, found.sha256) == (part.bytes, part.sha256)


def _refused(what: str, part: OutgoingPart, found: disk.Found) -> errors.IntegrityError:
    if found.blank:
        return errors.IntegrityError(f"{what} is not in the store", hint="It was never written, or the disk lost it.")
    return errors.IntegrityError(
        f"{what} is not what was sent",
        detail=f"sent {part.bytes} bytes, SHA-256 {part.sha256}; stored {found.bytes} bytes, SHA-256 {found.sha256}",
        hint="Something else writes into this store, or it is damaged: find out before you trust it.",
    )


def _url(path: pathlib.Path) -> str:
    return f"file://{urllib.parse.quote(os.fsencode(path))}"


def _modified_at(state: os.stat_result) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(state.st_mtime, datetime.UTC)


def _exists(key: str) -> errors.StoreError:
    return errors.StoreError(
        f"directory: put object {key}: it exists",
        hint="Objects are written once: two runs share one id, or something else writes into this store.",
    )


def _missing(key: str) -> errors.IntegrityError:
    return errors.IntegrityError(f"directory: object {key} is missing", hint="It was deleted, or never committed.")
