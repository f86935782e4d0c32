"""The binary logs of a database in one store: a piece of one exists where its signed record stands, as a recovery point does.

Pieces of one file, put together in the order of their offsets, are that file as the server wrote it, byte for byte.
"""

from __future__ import annotations

import datetime
import itertools
import re
import urllib.parse
from collections.abc import Sequence
from typing import NamedTuple

from include.proven import errors
from include.proven.catalog.records import SignedRecords, parse, quote, require_same
from include.proven.manifest import FORMAT, Artifact, Record

RECORD = re.compile(r"(\d{12})-(\d{12})\.json")
FILE = re.compile(r"[A-Za-z0-9._-]+\.(\d{6,})")
FOLDER = "binlogs"


class Segment(Record):
    """A piece of a binary log: the bytes from `start` up to `end`, whole events all of them."""

    format: int = FORMAT
    database: str
    server: str
    """Identity of the server that wrote it (`manifest.Server.identity`)."""
    file: str
    """Name of the log, as the server calls it: `mysql-bin.000042`."""
    start: int
    """Offset of its first byte; 0: the file begins here."""
    end: int
    """Offset behind its last byte; `start` where there was nothing left to ship but that the file has ended."""
    rotated: bool
    """The file ends here: the server has gone on to `next_file`, or was stopped."""
    next_file: str = ""
    """As the rotation names it; empty where the server was stopped, or the file goes on."""
    file_created_at: datetime.datetime | None = None
    """When the server began it, by its clock, in whole seconds: after RESET MASTER an old name stands for another file."""
    first_event_at: datetime.datetime | None
    """The source's clock at the first event that changes something; None: there is none."""
    last_event_at: datetime.datetime | None
    """The same of the last one. Whole seconds."""
    gtid_before: str = ""
    """What the file itself says was logged before it (its first piece only): MySQL's previous GTIDs, MariaDB's GTID list."""
    complete_to: datetime.datetime
    """By the source's clock: nothing that was committed before this is missing, if all pieces before it are there."""
    artifact: Artifact
    """Its plain bytes are the piece; its `end_marker` is empty. It lies beside the record under a name of its own
    (`<start>-<8 hex digits>.binlog.zst.gpg`), so that what a killed stream has left is in nobody's way."""

    @property
    def name(self) -> SegmentName:
        """Its place among others."""
        return SegmentName(self.database, self.server, self.file, self.start, self.end)


class SegmentName(NamedTuple):
    """What the key of a piece says. Those of one server sort by file and offset."""

    database: str
    server: str
    file: str
    start: int
    end: int

    @property
    def folder(self) -> str:
        """Folder of the pieces of its file."""
        return f"{self.database}/{FOLDER}/{quote(self.server)}/{self.file}"

    @property
    def path(self) -> str:
        """Key of the record."""
        return f"{self.folder}/{self.start:012}-{self.end:012}.json"

    @property
    def number(self) -> int:
        """The number of its file."""
        return number_of(self.file)


class Binlogs(SignedRecords):
    """The pieces of binary logs of a store's databases."""

    def segment_names(self, database: str, server: str = "", *, at_least: int = 0) -> list[SegmentName]:
        """Return the names of all pieces, or of those of one server, by server, number of the file and offset.

        With `at_least` only files of that number or a higher one are looked into. No signature is looked at.
        """
        folder = f"{database}/{FOLDER}/{quote(server)}" if server else f"{database}/{FOLDER}"
        try:
            folders = [folder]
            if server and at_least:
                folders = [f"{folder}/{file}" for file in self.store.list_folders(folder) if number_of(file) >= at_least]
            stored = itertools.chain.from_iterable(map(self.store.list_objects, folders))
            found = [name for one in stored if (name := parse_name(one.key))]
        except errors.NothingStoredError:
            return []
        return sorted(found, key=lambda name: (name.server, name.number, name.start, name.end))

    def logged_servers(self, database: str) -> list[str]:
        """Return the identities of the servers of which there are pieces, in no order that means anything."""
        try:
            return [urllib.parse.unquote(name) for name in self.store.list_folders(f"{database}/{FOLDER}")]
        except errors.NothingStoredError:
            return []

    def newest_segment(self, database: str, server: str) -> SegmentName | None:
        """Return the name of the newest piece of a server: the end of the stream. None: there is none."""
        folder = f"{database}/{FOLDER}/{quote(server)}"
        try:
            files = self.store.list_folders(folder)
        except errors.NothingStoredError:
            return None
        newest_first = sorted(files, key=number_of, reverse=True)
        return next((name for file in newest_first if (name := self.newest_of_file(f"{folder}/{file}"))), None)

    def newest_of_file(self, folder: str) -> SegmentName | None:
        """Return the name of the newest piece in the folder of a file (`SegmentName.folder`)."""
        stored = self.store.list_backwards(folder, f"{folder}/:")  # `:` comes after the digits
        return next((name for one in stored if (name := parse_name(one.key))), None)

    def segment(self, name: SegmentName) -> Segment:
        """Return the record of a piece. Raise IntegrityError if it is missing, not the fleet signer's, broken, or another's."""
        return self.segments([name])[0]

    def segments(self, names: Sequence[SegmentName]) -> list[Segment]:
        """Return the records of many pieces, in the order of their names. Raise IntegrityError as `segment` does."""
        read = self._read_all([name.path for name in names], None)
        return [_parse_segment(name, read[name.path]) for name in names]

    def publish_segment(self, segment: Segment) -> None:
        """Sign and write the record of a piece: from then on it exists. Raise StoreError if it exists already."""
        self._put(segment.name.path, segment, keep=True)

    def copy_segment(self, name: SegmentName, other: Binlogs) -> None:
        """Write another store's record of a piece, byte for byte: from then on it exists here too."""
        self._write(name.path, *other._read(name.path), keep=True)


def _parse_segment(name: SegmentName, content: bytes | errors.IntegrityError | None) -> Segment:
    if content is None:
        raise errors.IntegrityError(f"record {name.path} is gone")
    if isinstance(content, errors.IntegrityError):
        raise content
    found = parse(name.path, content, Segment)
    require_same(name.path, found.name.path, name.path)
    return found


def number_of(file: str) -> int:
    """Return the number that the name of a file ends with; 0 if it has none."""
    found = FILE.fullmatch(file)
    return int(found[1]) if found else 0


def parse_name(path: str) -> SegmentName | None:
    """Given the key of an object, return the name of the piece whose record it is, or None if it is something else."""
    database, folder, server, file, record = (*path.split("/"), *[""] * 5)[:5]
    found = RECORD.fullmatch(record)
    if folder != FOLDER or not found or not FILE.fullmatch(file) or path.count("/") != 4:
        return None
    return SegmentName(database, urllib.parse.unquote(server), file, int(found[1]), int(found[2]))
