"""Files and folders for the directory store: what is written is on the disk, what is named is not overwritten.

Every function raises OSError; `translated` makes a StoreError of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from include.proven import errors

FILE_MODE, FOLDER_MODE = 0o600, 0o700
BLOCK = 1 << 20
TRIES = 10
NOT_A_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What opening a name raises where no file has it."""

HINTS = {
    errno.ENOSPC: "The disk is full: give it space, or remove what is not needed.",
    errno.EDQUOT: "The quota on that disk is reached: raise it, or remove what is not needed.",
    errno.EROFS: "The disk is mounted read-only: after an error of its own a disk is, so look at the system's log.",
    errno.EACCES: "The account that Proven runs under must own the directory: `chown` it.",
    errno.EPERM: "The disk must know hard links and modes (FAT and exFAT do not), and the account must own the directory.",
    errno.EOPNOTSUPP: "The disk must know hard links: FAT, exFAT and some shares do not.",
    errno.ENAMETOOLONG: "A name on a disk has at most 255 bytes.",
    errno.EIO: "The disk fails: look at the system's log, and trust nothing on it before it was checked.",
    errno.ESTALE: "The share went away and came back as another: mount it again.",
    errno.ENOTCONN: "The share is not connected: mount it again.",
    errno.ENOTDIR: "Where a folder should be is a file: something else writes into this directory.",
}

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Found:
    """What stands in a range of a file."""

    bytes: int
    sha256: str
    blank: bool
    """Nothing was written there: the file ends before it, or it is a hole."""


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Given what is done ("put object shop/…"), raise the system's errors as StoreError with a hint."""
    try:
        yield
    except OSError as error:
        words = (error.strerror or type(error).__name__).lower()
        hint = HINTS.get(error.errno or 0, "Look whether the directory is still mounted, and at the system's log.")
        raise errors.StoreError(f"directory: {doing}: {words}", detail=str(error), hint=hint) from error


def with_folders(path: pathlib.Path, top: pathlib.Path, create: Callable[[], T]) -> T:
    """Make the folders that `path` needs below `top`, which must exist, then `create` it; return what that returns."""
    below = [folder for folder in path.parents if folder.is_relative_to(top) and folder != top]
    for _ in range(TRIES - 1):
        # Whoever deletes the last file of a folder removes the folder as well, perhaps just before our file is in it.
        with contextlib.suppress(FileNotFoundError):
            _make_folders(below)
            return create()
    _make_folders(below)
    return create()


def _make_folders(folders: list[pathlib.Path]) -> None:
    for folder in reversed(folders):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(FOLDER_MODE)


def open_file(path: pathlib.Path, *, new: bool) -> int:
    """Open a file, made if it is not there, and return its descriptor. With `new`, raise FileExistsError if it is there."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (os.O_EXCL if new else 0), FILE_MODE)


def write_new(path: pathlib.Path, content: bytes) -> None:
    """Make a file of that content and read it back from the disk. Raise FileExistsError, or IntegrityError if it is another."""
    descriptor = open_file(path, new=True)
    try:
        write_to_disk(descriptor, content)
        if read_range(descriptor, 0, len(content)).sha256 != hashlib.sha256(content).hexdigest():
            raise errors.IntegrityError(f"directory: {path.name}: the disk holds other bytes than were written")
    finally:
        os.close(descriptor)


def write_to_disk(descriptor: int, content: bytes) -> None:
    """Write all of `content` at the start of a file and bring it to the disk."""
    view, written = memoryview(content), 0
    while written < len(view):
        written += os.pwrite(descriptor, view[written:], written)
    bring_to_disk(descriptor)


def bring_to_disk(descriptor: int) -> None:
    """Bring a file to the disk and forget it in memory: who reads it now reads what the disk has."""
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def read_range(descriptor: int, offset: int, count: int) -> Found:
    """Read `count` bytes (or as many as there are) of a file in small blocks and say what they are."""
    read, digest, blank = 0, hashlib.sha256(), True
    while block := os.pread(descriptor, min(BLOCK, count - read), offset + read):
        digest.update(block)
        read += len(block)
        blank = blank and not block.strip(b"\0")
    return Found(read, digest.hexdigest(), blank)


def move_once(source: pathlib.Path, target: pathlib.Path, top: pathlib.Path) -> None:
    """Give a file the name `target`, at once and never over another (FileExistsError), so that a power cut does not undo it."""
    # Of two that do this at the same time one wins; a rename would let the later one overwrite.
    with_folders(target, top, lambda: os.link(source, target))
    for folder in [folder for folder in target.parents if folder.is_relative_to(top)]:
        _sync_folder(folder)
    remove(source, top)


def _sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some shares know no such thing for folders
            raise
    finally:
        os.close(descriptor)


def remove(path: pathlib.Path, top: pathlib.Path) -> bool:
    """Delete a file, and the folders below `top` that are empty then. Say whether there was a file."""
    try:
        path.unlink()
    except NOT_A_FILE:
        return False
    finally:
        _remove_empty(path.parent, top)
    return True


def remove_tree(folder: pathlib.Path, top: pathlib.Path) -> int:
    """Delete everything in a folder, itself and what is empty above it below `top`; return how many files went."""
    removed = 0
    if folder.is_dir() and not folder.is_symlink():
        for where, _, names in os.walk(folder, topdown=False, onerror=_raise):
            removed += sum(remove(pathlib.Path(where, name), top) for name in names)
            _remove_empty(pathlib.Path(where), top)
    return removed


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # somebody else removes it too
        raise error


def _remove_empty(folder: pathlib.Path, top: pathlib.Path) -> None:
    with contextlib.suppress(OSError):  # it is not empty, or gone
        while folder != top and folder.is_relative_to(top):
            folder.rmdir()
            folder = folder.parent


def walk(
    folder: pathlib.Path, key: str = "", *, skip: frozenset[str] = frozenset(), before: str = ""
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield key and state of every file below a folder, sorted by key. Links are not followed, and are no files.

    `key` is put before the files' own; what has a name of `skip` directly in the folder does not show. Given `before`, only
    files whose keys sort before it, the last one first.
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry for entry in found if entry.name not in skip), key=_place_in_order, reverse=bool(before))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if before and f"{key}{entry.name}" >= before:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk(pathlib.Path(entry.path), f"{key}{entry.name}/", before=before)
        elif entry.is_file(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):
                yield f"{key}{entry.name}", entry.stat(follow_symlinks=False)


def _place_in_order(entry: os.DirEntry[str]) -> str:
    # As keys sort: `ods-2/…` comes before `ods/…`.
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
