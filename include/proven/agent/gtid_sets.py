"""What a binary log says was logged before it, from its own bytes: MySQL's previous GTIDs, MariaDB's GTID list."""

from __future__ import annotations

import struct
import uuid

COUNT = 0x0FFFFFFF
"""MariaDB keeps flags in the four bits above."""


def read_mariadb(body: bytes) -> str:
    """Return `0-1-42,1-7-3` (domain-server-sequence) from a GTID list event's body."""
    (count,) = struct.unpack_from("<I", body)
    found = [struct.unpack_from("<IIQ", body, 4 + 16 * number) for number in range(count & COUNT)]
    return ",".join(f"{domain}-{server}-{sequence}" for domain, server, sequence in found)


def read_mysql(body: bytes) -> str:
    """Return `<uuid>:1-42:50,<uuid>:<tag>:1-3` from a previous GTIDs event's body.

    Where any of them has a tag (since MySQL 8.3) the first and the last of the eight bytes of the count are 1 each, and each
    entry says the length of its tag, doubled, and its tag.
    """
    (first,) = struct.unpack_from("<Q", body)
    tagged, at, sets = first >> 56 == 1, 8, []
    for _ in range((first >> 8) & ((1 << 48) - 1) if tagged else first):
        name, at = str(uuid.UUID(bytes=body[at : at + 16])), at + 16
        if tagged:
            length, at = body[at] >> 1, at + 1
            name, at = ":".join(filter(None, [name, body[at : at + length].decode("ascii")])), at + length
        (count,) = struct.unpack_from("<Q", body, at)
        ranges = [struct.unpack_from("<QQ", body, at + 8 + 16 * number) for number in range(count)]
        at += 8 + 16 * count
        sets.append(":".join([name, *(f"{low}-{high - 1}" if high - 1 > low else f"{low}" for low, high in ranges)]))
    return ",".join(sets)
