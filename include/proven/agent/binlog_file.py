"""One binary log as the tool writes it here: its events, followed while it grows, each whole and verified before it counts.

A log begins with four bytes and an event that describes it. Every event has a header of 19 bytes (time, type, server, size,
offset behind it, flags; little-endian) and, where the server writes checksums, a CRC32 at its end.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from . import gtid_sets
from .errors import AgentError

MAGIC = b"\xfebin"
HEADER = struct.Struct("<IBIIIH")
CHUNK = 1 << 20
CRC_BYTES = 4
WRAP = 1 << 32
"""An event says 32 bits of its offset."""

STOP, ROTATE, INCIDENT, DESCRIPTION, HEARTBEAT = 3, 4, 26, 15, 27
PREVIOUS_GTIDS, BINLOG_CHECKPOINT, GTID_LIST, START_ENCRYPTION = 35, 161, 163, 164
NO_CHANGE = frozenset(
    {STOP, ROTATE, INCIDENT, DESCRIPTION, HEARTBEAT, PREVIOUS_GTIDS, BINLOG_CHECKPOINT, GTID_LIST, START_ENCRYPTION}
)
"""Types of event that change nothing: all others are of transactions."""


class Event(NamedTuple):
    """One event; `at` is its offset here."""

    time: int
    type: int
    size: int
    at: int


class BinlogFile:
    """One log, of which [start, end) are the offsets on the server of what is whole here and not shipped."""

    def __init__(self, path: pathlib.Path, start: int = 0) -> None:
        """Given the file and the offset on the server from which on the tool was told to fetch it, open it.

        From an offset on, the tool writes the four bytes, the description, and then what lies at that offset.
        """
        self.name = path.name
        self.start = self.end = start
        self.ended = False
        self.next_file = ""
        self.created_at = 0
        self.gtid_before = ""
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY)
        self._shift = 0
        """Offset on the server less offset here."""
        self._checksums = False
        self._first_at: int | None = None
        self._last_at: int | None = None
        self._handlers: dict[int, Callable[[bytes], None]] = {
            ROTATE: self._see_rotate,
            STOP: self._see_stop,
            PREVIOUS_GTIDS: self._see_previous_gtids,
            GTID_LIST: self._see_gtid_list,
        }

    def scan(self, most: int) -> None:
        """Take in what has come, event by event, until `most` bytes wait. Raise AgentError (source) for what is wrong in it."""
        if not self.created_at and not self._read_description():
            return
        while not self.ended and self.end - self.start < most:
            event = self._whole_event(self.end - self._shift)
            if event is None:
                return
            self._take(event)

    def waiting_event(self) -> int:
        """Return the size of the event that is not whole yet; 0 if nothing of it is there."""
        header = os.pread(self._descriptor, HEADER.size, self.end - self._shift if self.created_at else len(MAGIC))
        return HEADER.unpack(header)[3] if len(header) == HEADER.size else 0

    def end_here(self) -> None:
        """Count the file as ended though it does not say so: its server crashed."""
        self.ended = True

    def describe(self) -> dict[str, Any]:
        """Return what waits as the members of a `catalog.binlogs.Segment` that the log itself tells."""
        return {
            "file": self.name,
            "start": self.start,
            "end": self.end,
            "rotated": self.ended,
            "next_file": self.next_file,
            "file_created_at": format_time(self.created_at),
            "first_event_at": format_time(self._first_at),
            "last_event_at": format_time(self._last_at),
            "gtid_before": "" if self.start else self.gtid_before,
        }

    def copy(self, write: Callable[[memoryview], None]) -> None:
        """Give the bytes that wait to `write`, in pieces."""
        for data in self._pieces(self.start - self._shift, self.end - self.start):
            write(memoryview(data))

    def shipped(self) -> None:
        """Forget what waited."""
        self.start = self.end
        self._first_at = self._last_at = None

    def remove(self) -> None:
        """Close the file and remove it."""
        os.close(self._descriptor)
        self._path.unlink()

    def _read_description(self) -> bool:
        """Read what the file begins with; say whether it is there."""
        head = os.pread(self._descriptor, len(MAGIC), 0)
        event = self._whole_event(len(MAGIC)) if len(head) == len(MAGIC) else None
        if event is None:
            return False
        if head != MAGIC or event.type != DESCRIPTION:
            raise self._wrong("it does not begin as a binary log does")
        body = os.pread(self._descriptor, event.size, event.at)
        self._checksums = body[-CRC_BYTES - 1] == 1
        first = event.at + event.size
        self._check_sum(event)
        self.created_at = event.time
        if self.start:
            self._shift = self.start - first
        else:
            self.end = first
        return True

    def _whole_event(self, at: int) -> Event | None:
        header = os.pread(self._descriptor, HEADER.size, at)
        if len(header) < HEADER.size:
            return None
        time, kind, _, size, _, _ = HEADER.unpack(header)
        if size < HEADER.size:
            raise self._wrong(f"an event of {size} bytes")
        return Event(time, kind, size, at) if os.fstat(self._descriptor).st_size >= at + size else None

    def _take(self, event: Event) -> None:
        self._check_sum(event)
        self._check_place(event)
        if event.type in self._handlers:
            body = os.pread(self._descriptor, event.size - HEADER.size, event.at + HEADER.size)
            self._handlers[event.type](body[:-CRC_BYTES] if self._checksums else body)
        if event.type not in NO_CHANGE:
            self._first_at = event.time if self._first_at is None else self._first_at
            self._last_at = event.time
        self.end += event.size

    def _check_sum(self, event: Event) -> None:
        if not self._checksums:
            return
        found = 0
        for data in self._pieces(event.at, event.size - CRC_BYTES):
            found = zlib.crc32(data, found)
        written = os.pread(self._descriptor, CRC_BYTES, event.at + event.size - CRC_BYTES)
        if found != int.from_bytes(written, "little"):
            raise self._wrong("the checksum of an event does not fit")

    def _check_place(self, event: Event) -> None:
        said = HEADER.unpack(os.pread(self._descriptor, HEADER.size, event.at))[4]
        if said not in (0, (self.end + event.size) % WRAP):
            raise self._wrong(f"an event that says it ends at {said}, not at {self.end + event.size}")

    def _see_rotate(self, body: bytes) -> None:
        self.ended, self.next_file = True, body[8:].decode("utf-8", "replace")

    def _see_stop(self, body: bytes) -> None:
        self.ended = True

    def _see_previous_gtids(self, body: bytes) -> None:
        self.gtid_before = gtid_sets.read_mysql(body)

    def _see_gtid_list(self, body: bytes) -> None:
        self.gtid_before = gtid_sets.read_mariadb(body)

    def _pieces(self, at: int, size: int) -> Any:
        until = at + size
        while at < until:
            data = os.pread(self._descriptor, min(CHUNK, until - at), at)
            if not data:
                raise AgentError("internal", f"{self._path} is shorter than it was")
            yield data
            at += len(data)

    def _wrong(self, what: str) -> AgentError:
        return AgentError(
            "source",
            f"binary log {self.name} at offset {self.end}: {what}",
            hint="It was damaged on the server's disk or on the way here, or is another log of that name than before"
            " (RESET MASTER): look at the server's error log, and take a backup.",
        )


def format_time(seconds: int | None) -> str | None:
    """Return a time of the log, seconds since 1970, as ISO 8601 in UTC."""
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()
