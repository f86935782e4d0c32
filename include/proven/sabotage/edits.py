"""What broken backups do to a dump: each edit takes the dump's pieces and a deed, alters what it finds first, and notes what.

A deed that nothing was noted in was not done: the dump has nothing of the sort.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Collection, Iterator

from include.proven.agent import names
from include.proven.agent.canary import TABLE as CANARY_TABLE
from include.proven.agent.server import CANARY_SCHEMA
from include.proven.sabotage import rows
from include.proven.sabotage.dump import Piece, quote
from include.proven.sabotage.rows import Column, Row

LETTER = re.compile(rb"(?<!\\)[A-Za-z]")
BINARY = re.compile(rb"0x[0-9A-Fa-f]+")
EMOJI = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")
BEYOND_ASCII = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
END_MARKER = b"-- Dump completed"
ZONE, OTHER_ZONE = b"SET TIME_ZONE='+00:00'", b"SET TIME_ZONE='+02:00'"


@dataclasses.dataclass
class Deed:
    """What was altered: `shop.orders`, a trigger's name. Empty: nothing."""

    thing: str = ""


Edit = Callable[[Iterator[Piece], Deed], Iterator[bytes]]
Change = Callable[[list[Column], list[Row]], bool]
"""Given the columns and the rows of one statement, alter the rows and return True; return False if they are not fit for it."""


def change_rows(change: Change, tables: Collection[str] | None = None) -> Edit:
    """Return the edit that makes one change to the first fit rows, of these tables (`shop.orders`) only if they are named."""

    def edit(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
        columns: list[Column] = []
        for piece in pieces:
            if piece.kind == "definition":
                columns = rows.columns_of(piece.text)
            if deed.thing or piece.kind != "rows" or not _is_meant(piece, tables):
                yield piece.text
                continue
            statement = rows.parse(piece.text)
            fit = rows.pick_columns(statement, columns)
            if fit and change(fit, statement.rows):
                deed.thing = piece.path
                yield statement.text()
            else:
                yield piece.text

    return edit


def delete_row(columns: list[Column], found: list[Row]) -> bool:
    """Delete the last row."""
    found.pop()
    return True


def duplicate_row(columns: list[Column], found: list[Row]) -> bool:
    """Write the first row twice."""
    found.append(found[0])
    return True


def halve_rows(columns: list[Column], found: list[Row]) -> bool:
    """Delete the second half of several rows."""
    if len(found) < 2:
        return False
    del found[len(found) // 2 :]
    return True


def change_byte(columns: list[Column], found: list[Row]) -> bool:
    """Change one letter of one text."""
    for row in found:
        for place, column in enumerate(columns):
            if _is_free_text(column) and (letter := LETTER.search(row[place], 1)):
                other = b"y" if letter[0] == b"z" else bytes([letter[0][0] + 1]) if letter[0] != b"Z" else b"Y"
                row[place] = row[place][: letter.start()] + other + row[place][letter.end() :]
                return True
    return False


def change_binary(columns: list[Column], found: list[Row]) -> bool:
    """Change the last bit of one binary value."""
    for row in found:
        for place, value in enumerate(row):
            if BINARY.fullmatch(value) and not columns[place].generated:
                row[place] = value[:-1] + f"{int(value[-1:], 16) ^ 1:X}".encode()
                return True
    return False


def swap_values(columns: list[Column], found: list[Row]) -> bool:
    """Swap the values of one column between two rows that differ in another one too."""
    for one, other in itertools.pairwise(found):
        differing = [place for place, column in enumerate(columns) if one[place] != other[place] and not column.generated]
        if len(differing) > 1:
            one[differing[-1]], other[differing[-1]] = other[differing[-1]], one[differing[-1]]
            return True
    return False


def rename_canary(recovery_point: str, other: str) -> Edit:
    """Return the edit that lets the canary's row be another recovery point's."""

    def rename(columns: list[Column], found: list[Row]) -> bool:
        for row in found:
            for place, value in enumerate(row):
                if value == f"'{recovery_point}'".encode():
                    row[place] = f"'{other}'".encode()
                    return True
        return False

    return change_rows(rename, {CANARY_TABLE.replace("`", "")})


def lose_characters(pattern: re.Pattern[bytes], put: Callable[[bytes], bytes]) -> Edit:
    """Return the edit that puts something else in the place of certain characters, in every row of the dump."""

    def edit(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
        for piece in pieces:
            text, count = piece.text, 0
            if piece.kind == "rows":
                text, count = pattern.subn(lambda found: put(found[0]), text)
            if count and not deed.thing:
                deed.thing = piece.path
            yield text

    return edit


def encode_twice(text: bytes) -> bytes:
    """Return UTF-8 that was taken for latin1 and encoded once more."""
    return text.decode("latin1").encode()


def shift_times(table: str) -> Edit:
    """Return the edit that lets the dump say that its times are of another zone; `table` has some."""

    def edit(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
        for piece in pieces:
            if piece.kind == "line" and ZONE in piece.text and not deed.thing:
                deed.thing = table
                yield piece.text.replace(ZONE, OTHER_ZONE)
            else:
                yield piece.text

    return edit


def empty_table(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """Leave out every row of the first table that has any."""
    for piece in pieces:
        if piece.kind == "rows" and _is_meant(piece) and deed.thing in ("", piece.path):
            deed.thing = piece.path
        else:
            yield piece.text


def cut_short(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """Leave out the second half of the first table's rows; all that comes after it is there."""
    for piece in pieces:
        if piece.kind != "rows" or deed.thing not in ("", piece.path) or not _is_meant(piece):
            yield piece.text
        elif not deed.thing:
            statement = rows.parse(piece.text)
            if halve_rows([], statement.rows):
                deed.thing = piece.path
            yield statement.text()


def cut_between_rows(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """End in the middle of the first table's rows: valid SQL, no end marker."""
    for piece in pieces:
        if piece.kind == "rows" and _is_meant(piece):
            statement = rows.parse(piece.text)
            if halve_rows([], statement.rows):
                deed.thing = piece.path
                yield statement.text()
                return
        yield piece.text


def cut_mid_row(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """End in the middle of the first table's last row."""
    for piece in pieces:
        if piece.kind == "rows" and _is_meant(piece):
            deed.thing = piece.path
            yield piece.text.rstrip()[:-3]
            return
        yield piece.text


def leave_out(table: str = "", *, view: str = "", schema: str = "") -> Edit:
    """Return the edit that leaves out all of a table (its triggers too), a view, or a schema, as if nobody had asked for it."""

    def edit(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
        for piece in pieces:
            kind, path = ("view", view) if view else ("table", table)
            if (schema and piece.schema == schema) or (path and piece.section == kind and piece.path == path):
                deed.thing = schema or path
            else:
                yield piece.text

    return edit


def refuse_statement(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
    """Ask for a collation that no server of this series has, as a dump of a younger one does."""
    deed.thing = "utf8mb4_from_the_future_ci"
    yield from _before_end(pieces, b"SET NAMES utf8mb4 COLLATE utf8mb4_from_the_future_ci;\n")


def add_event(schema: str, event: str, mark: str) -> Edit:
    """Return the edit that adds an event which makes the table `mark` within a second, where events run."""

    def edit(pieces: Iterator[Piece], deed: Deed) -> Iterator[bytes]:
        deed.thing = names.display(schema, event)
        statement = b"CREATE EVENT %b.%b ON SCHEDULE EVERY 1 SECOND ENABLE DO CREATE TABLE IF NOT EXISTS %b.%b (id INT);\n"
        yield from _before_end(pieces, statement % (quote(schema), quote(event), quote(schema), quote(mark)))

    return edit


def _is_free_text(column: Column) -> bool:
    return column.type in TEXTS and not column.generated and b"json_valid" not in column.rest


def _before_end(pieces: Iterator[Piece], text: bytes) -> Iterator[bytes]:
    for piece in pieces:
        if piece.text.startswith(END_MARKER):
            yield text
        yield piece.text


def _is_meant(piece: Piece, tables: Collection[str] | None = None) -> bool:
    """Say whether rows are of one of these tables; without names, of any but the canary's."""
    return piece.schema != CANARY_SCHEMA if tables is None else piece.path in tables
