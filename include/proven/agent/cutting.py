"""Cuts the stream of a dump of rows at the dump tool's own headings, which stand where a schema or a table begins.

A heading is a comment of three lines, the first and the last of which are empty:

    --
    -- Dumping data for table `orders`
    --

No value of a dump holds a raw line break: the tools write `\\n`. Names can, and might look like a heading; then a table comes
that nobody waits for, or comes twice, which `lanes.py` refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from . import names
from .pipeline import READ_BYTES, read_into

BEGIN, END = b"\n--\n-- ", b"\n--\n"
SCHEMA, TABLE = b"Current Database: ", b"Dumping data for table "
LONGEST = 16 * 1024
"""Bytes of a heading. It stands in the first lines of a dump, too, where what ends it is further away."""

OnHeading = Callable[[bytes], None]
Take = Callable[[memoryview], object]


def cut(source: IO[bytes], see: Take, on_heading: OnHeading, take: Take) -> None:
    """Move a raw stream to its end: each piece to `see` as it comes, and to `take` as it is cut.

    `on_heading` is called with the words of a heading before `take` gets it. Pieces are valid during the call only.
    """
    buffer = bytearray(LONGEST + READ_BYTES)
    view, kept = memoryview(buffer), 0
    while count := read_into(source, view[kept : kept + READ_BYTES]):
        see(view[kept : kept + count])
        filled = kept + count
        done = _cut_piece(buffer, view, filled, on_heading, take)
        kept = filled - done
        view[:kept] = bytes(view[done:filled])
    take(view[:kept])


def words_of(kind: bytes, name: str) -> bytes:
    """Return the words of the heading of a schema or a table. A line break in a name goes on as a comment."""
    return kind + names.quote(name).encode("utf-8", "surrogateescape").replace(b"\n", b"\n-- ")


def _cut_piece(buffer: bytearray, view: memoryview, filled: int, on_heading: OnHeading, take: Take) -> int:
    """Give away what lies in a buffer up to `filled`, but for its end if a heading may begin there. Return up to where."""
    given = searched = 0
    while (found := buffer.find(BEGIN, searched, filled)) >= 0:
        ended = buffer.find(END, found + len(BEGIN), filled)
        if ended < 0:
            break
        take(view[given:found])
        on_heading(bytes(view[found + len(BEGIN) : ended]))
        given = found
        # what ends this one may begin the next
        searched = ended
    if not 0 <= found >= filled - LONGEST:
        found = filled - len(BEGIN) + 1
    keep_from = max(given, found)
    take(view[given:keep_from])
    return keep_from
