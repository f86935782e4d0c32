"""A dump as a stream of pieces, so that what is altered is one table's rows or one object, and all else passes as it is.

`mariadb-dump` and `mysqldump` escape line breaks in values and in table definitions: outside of the bodies of routines,
triggers and events, which stand between two DELIMITER lines, every statement begins a line and ends one. Joined, the pieces are
the dump. At most one statement is held in memory.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import IO, Literal

from include.proven.agent import names

NAME = rb"`((?:[^`]|``)*)`"
USE = re.compile(rb"USE " + NAME)

Kind = Literal["rows", "definition", "body", "line"]
Section = Literal["", "table", "view", "events", "routines"]

SECTIONS: dict[bytes, Section] = {
    b"Table structure for table": "table",
    b"Dumping data for table": "table",
    b"Temporary table structure for view": "view",
    b"Temporary view structure for view": "view",
    b"Final view structure for view": "view",
    b"Dumping events for database": "events",
    b"Dumping routines for database": "routines",
    b"Current Database:": "",
}
DATABASE = b"Current Database:"
NAMED = ("table", "view")
HEADER = re.compile(rb"-- (" + b"|".join(SECTIONS) + rb") [`'](.*)[`']$")
EPILOGUE = b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE"
STARTS: tuple[tuple[re.Pattern[bytes], Kind], ...] = (
    (re.compile(rb"INSERT +(?:IGNORE +)?INTO " + NAME), "rows"),
    (re.compile(rb"CREATE TABLE " + NAME), "definition"),
)
BODY, BODY_END = b"DELIMITER ;;\n", b"DELIMITER ;\n"


@dataclasses.dataclass(frozen=True)
class Piece:
    """One statement of rows (`rows`), one CREATE TABLE (`definition`), one routine, trigger or event (`body`), or one line."""

    kind: Kind
    schema: str
    section: Section
    """What the dump's own headings say; triggers stand in their table's."""
    name: str
    """Of the section's table or view; empty elsewhere."""
    text: bytes

    @property
    def path(self) -> str:
        """`shop.orders`, as fingerprint and inventory name it."""
        return names.display(self.schema, self.name)


def read(stream: IO[bytes]) -> Iterator[Piece]:
    """Yield the pieces of a dump."""
    schema, name = "", ""
    section: Section = ""
    for line in stream:
        if used := USE.match(line):
            schema = unquote(used[1])
        elif header := HEADER.match(line):
            section, named = SECTIONS[header[1]], unquote(header[2])
            schema, name = (named, "") if header[1] == DATABASE else (schema, named if section in NAMED else "")
        elif line.startswith(EPILOGUE):
            schema, section, name = "", "", ""
        kind, text = _whole(line, stream)
        yield Piece(kind, schema, section, name, text)


class Unsaid(bytes):
    """Text of a piece that whoever edits must see, and that is not in the stream."""


def with_definitions(pieces: Iterator[Piece], definitions: Mapping[str, str]) -> Iterator[Piece]:
    """Yield the definition of a table (`definitions`: by path) before its rows where the dump has none, as one by table."""
    defined = ""
    for piece in pieces:
        if piece.kind == "definition":
            defined = piece.path
        elif piece.kind == "rows" and piece.path != defined and piece.path in definitions:
            defined = piece.path
            text = Unsaid(definitions[piece.path].encode("utf-8", "surrogateescape"))
            yield Piece("definition", piece.schema, "table", piece.name, text)
        yield piece


def say(texts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what is in the stream."""
    return (text for text in texts if not isinstance(text, Unsaid))


def unquote(name: bytes) -> str:
    """Given what stands between backticks, return the name."""
    return _decode(name.replace(b"``", b"`"))


def quote(name: str) -> bytes:
    """Return a name in backticks, as a dump has it."""
    return names.quote(name).encode("utf-8", "surrogateescape")


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _whole(line: bytes, stream: IO[bytes]) -> tuple[Kind, bytes]:
    """Return the kind of the piece that a line begins, and all of it."""
    if line == BODY:
        return "body", line + _until(stream, BODY_END)
    kind = next((kind for start, kind in STARTS if start.match(line)), None)
    if kind is None:
        return "line", line
    return kind, line if line.endswith(b";\n") else line + _until(stream, b";\n")


def _until(stream: IO[bytes], end: bytes) -> bytes:
    lines = []
    for line in stream:
        lines.append(line)
        if line.endswith(end):
            break
    return b"".join(lines)
