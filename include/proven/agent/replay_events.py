"""Reads binary log files of both flavours as far as a replay must: where each transaction begins and ends, when, and who it is.

Every event tells its length, so a file is walked from header to header; what events hold is read where it matters only.
Formats: MySQL's `libs/mysql/binlog/event`, MariaDB's `sql/log_event.h`.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import struct
import uuid
from collections.abc import Iterator
from typing import IO, NamedTuple

from .errors import AgentError

MAGIC = b"\xfebin"
HEADER = struct.Struct("<IBIIIH")
"""Time (the source's clock, seconds since 1970), type, server id, length, offset of the next event (32 bits only), flags."""
QUERY, STOP, ROTATE, FORMAT, XID, INCIDENT, XA_PREPARE, PAYLOAD = 2, 3, 4, 15, 16, 26, 38, 40
HEARTBEAT, PREVIOUS_GTIDS, CHECKPOINT, GTID_LIST, ENCRYPTION, QUERY_COMPRESSED = 27, 35, 161, 163, 164, 165
MYSQL_GTID, ANONYMOUS, TAGGED, MARIADB_GTID = 33, 34, 42, 162
BEGINS = frozenset({MYSQL_GTID, ANONYMOUS, TAGGED, MARIADB_GTID})
BETWEEN = frozenset({STOP, ROTATE, FORMAT, HEARTBEAT, PREVIOUS_GTIDS, CHECKPOINT, GTID_LIST})
"""What lies between transactions, and ends none that is not whole."""
ENDS = frozenset({XID, XA_PREPARE, PAYLOAD})
STANDALONE = 1 | 128
"""MariaDB: a statement without an end of its own; 128 is the second half of an XA transaction."""
COMMIT_CLOCK = 2
QUERY_HEADER = struct.Struct("<IIBHH")
OPENS = re.compile(rb"BEGIN|START TRANSACTION|XA START\b", re.IGNORECASE)
CLOSES = re.compile(rb"COMMIT|ROLLBACK(?! TO)", re.IGNORECASE)
NAME = r"(?:`(?:[^`]|``)+`|[^\s`.,;/]+)"
DROP_TABLE = re.compile(r"\s*DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?(.*)", re.IGNORECASE | re.DOTALL)
DROP_SCHEMA = re.compile(rf"\s*DROP\s+(?:DATABASE|SCHEMA)\s+(?:IF\s+EXISTS\s+)?({NAME})", re.IGNORECASE)
TABLES = re.compile(rf"({NAME})(?:\s*\.\s*({NAME}))?\s*(?:,\s*|(?=/\*)|\s+(?=RESTRICT|CASCADE)|$)", re.IGNORECASE)


class Event(NamedTuple):
    """One event's header."""

    at: int
    kind: int
    server_id: int
    start: int
    end: int


@dataclasses.dataclass
class Transaction:
    """What is applied as one: a transaction, or a statement that is none (DDL)."""

    file: str
    start: int
    end: int = 0
    gtid: str = ""
    committed_at: int = 0
    """When its commit began, by the source's clock, in seconds since 1970."""
    whole: bool = False
    """Its last event is there."""
    drops: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Tables that it drops, as (schema, table); of a schema that it drops (schema, "")."""


def read_transactions(path: pathlib.Path) -> Iterator[Transaction]:
    """Yield the transactions of a file in order. Raise AgentError (integrity) where it can't be read, or lacks some."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise AgentError("integrity", f"binary log: {path.name} is none: it does not begin as one")
        current: Transaction | None = None
        standalone = False
        committed_at: int | None = None
        for event in _read_events(file, path.name):
            if event.kind in BEGINS or event.kind in BETWEEN:
                if current:
                    yield current
                current = None
            if event.kind in BEGINS:
                gtid, committed_at, standalone = _read_gtid(event, _body(file, event))
                current = Transaction(path.name, event.start, gtid=gtid)
            elif event.kind not in BETWEEN:
                if current is None:
                    raise _strange(path.name, event)
                standalone = _take_in(current, event, file, standalone)
            if current:
                current.end = event.end
                current.committed_at = committed_at or event.at
        if current:
            yield current


def _take_in(current: Transaction, event: Event, file: IO[bytes], standalone: bool) -> bool:
    """Take one event into its transaction. Return whether it is one that ends with its next statement."""
    if event.kind in ENDS:
        current.whole = True
    elif event.kind == QUERY_COMPRESSED:
        current.whole = standalone
    elif event.kind == QUERY:
        schema, statement = _read_query(_body(file, event))
        if OPENS.match(statement):
            return False
        current.drops += _find_drops(schema, statement)
        current.whole = standalone or bool(CLOSES.match(statement))
    return standalone


def _read_events(file: IO[bytes], name: str) -> Iterator[Event]:
    position = len(MAGIC)
    while header := _read_at(file, position, HEADER.size):
        if len(header) < HEADER.size:
            raise _cut(name, position)
        at, kind, server_id, length, _, _ = HEADER.unpack(header)
        event = Event(at, kind, server_id, position, position + length)
        if length < HEADER.size or (length > HEADER.size and not _read_at(file, event.end - 1, 1)):
            raise _cut(name, position)
        if kind in (INCIDENT, ENCRYPTION):
            raise _strange(name, event)
        yield event
        position = event.end


def _read_gtid(event: Event, body: bytes) -> tuple[str, int | None, bool]:
    """Return the GTID in the server's own words, the second of its commit if it is told, and if it ends with one statement."""
    if event.kind == MARIADB_GTID:
        sequence, domain, flags = struct.unpack_from("<QIB", body)
        return f"{domain}-{event.server_id}-{sequence}", None, bool(flags & STANDALONE)
    if event.kind == TAGGED:
        return "", None, True
    number, clock = struct.unpack_from("<qB", body, 17)
    gtid = f"{uuid.UUID(bytes=body[1:17])}:{number}" if event.kind == MYSQL_GTID else ""
    # 7 bytes of microseconds, whose highest bit says whether another time follows
    told = int.from_bytes(body[42:49], "little") & ~(1 << 55) if clock == COMMIT_CLOCK and len(body) >= 49 else 0
    return gtid, told // 1_000_000 or None, True


def _read_query(body: bytes) -> tuple[str, bytes]:
    """Return the schema and the statement of a query; four bytes of checksum may hang on to the statement."""
    _, _, length, _, status = QUERY_HEADER.unpack_from(body)
    start = QUERY_HEADER.size + status
    return body[start : start + length].decode("utf-8", "replace"), body[start + length + 1 :]


def _find_drops(schema: str, statement: bytes) -> Iterator[tuple[str, str]]:
    text = statement.decode("utf-8", "replace")
    if found := DROP_SCHEMA.match(text):
        yield _unquote(found[1]), ""
    elif found := DROP_TABLE.match(text):
        position = 0
        while name := TABLES.match(found[1], position):
            first, second = name.groups()
            yield (_unquote(first), _unquote(second)) if second else (schema, _unquote(first))
            if name.end() == position or "," not in name[0]:
                return
            position = name.end()


def _unquote(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _body(file: IO[bytes], event: Event) -> bytes:
    return _read_at(file, event.start + HEADER.size, event.end - event.start - HEADER.size)


def _read_at(file: IO[bytes], position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


def _cut(name: str, position: int) -> AgentError:
    return AgentError("integrity", f"binary log: {name} is cut in the event at offset {position}")


def _strange(name: str, event: Event) -> AgentError:
    reasons = {
        INCIDENT: ("the source itself has lost changes", "Take a new backup: no replay gets beyond that."),
        ENCRYPTION: ("the file is encrypted", "Only the server itself can read it."),
    }
    outside = (
        "an event that belongs to no transaction",
        "The server is too old: MariaDB 10 and MySQL 5.7 begin each with a GTID.",
    )
    what, hint = reasons.get(event.kind, outside)
    return AgentError("integrity", f"binary log: {name} offset {event.start}: {what}", hint=hint)
