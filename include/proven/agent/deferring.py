"""Takes secondary indexes and foreign keys out of a dump's CREATE TABLE, to be made when the rows are there.

An index that is built from rows which are all there is sorted once; one that grows row by row is written all over, again and
again, as soon as it is larger than the buffer pool. The result must be the same table, letter for letter: only what is known to
come back as it was is taken out, and a table in which anything else is seen stays whole.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection

from . import names
from .deferring_statements import Statements, without_comments

NAME = rb"`(?:[^`]|``)+`"
TEXT = rb"'(?:[^'\\]|\\.|'')*'"
PART = NAME + rb"(?:\(\d+\))?(?: ASC| DESC)?"
CREATE = re.compile(rb"CREATE TABLE (" + NAME + rb") \(\n")
LINE = re.compile(rb"(?:[^\n`']+|" + NAME + rb"|" + TEXT + rb")*(?:\n|$)", re.DOTALL)
COLUMN = re.compile(rb"  (" + NAME + rb") ")
PRIMARY = re.compile(rb"  PRIMARY KEY \((" + NAME + rb")")
KEY = re.compile(
    rb"  ((?:UNIQUE )?KEY " + NAME + rb" \(" + PART + rb"(?:," + PART + rb")*\)"
    rb"(?: USING BTREE| IGNORED| /\*!80000 INVISIBLE \*/| COMMENT " + TEXT + rb")*)",
    re.DOTALL,
)  # fmt: skip
FOREIGN_KEY = re.compile(
    rb"  (CONSTRAINT " + NAME + rb" FOREIGN KEY \([^()]*\) REFERENCES (?:(" + NAME + rb")\.)?(" + NAME + rb") \([^()]*\)"
    rb"(?: ON (?:DELETE|UPDATE) (?:RESTRICT|CASCADE|SET NULL|NO ACTION|SET DEFAULT))*)"
)  # fmt: skip
CHECK = re.compile(rb"  CONSTRAINT " + NAME + rb" CHECK \(")
OPTIONS = re.compile(rb"\) ENGINE=InnoDB(?=[ ;\n]|$)")
ODD = re.compile(rb"WITH SYSTEM VERSIONING|SECONDARY_ENGINE")
"""Options of tables that are not to be altered."""
QUOTED = re.compile(NAME + rb"|" + TEXT, re.DOTALL)
USE = re.compile(rb"USE (" + NAME + rb")")
SETTING = re.compile(rb"/\*|SET ")
VERSIONED = b"/*M!100304 SET system_versioning_alter_history = KEEP */;\n"
"""MariaDB alters no system-versioned table otherwise, not even by a foreign key."""
FINAL_VIEW = re.compile(rb"^-- Final view structure for view `", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Deferred:
    """What was taken out of one table. Names are quoted, as the dump has them."""

    schema: bytes
    table: bytes
    keys: list[bytes]
    foreign_keys: list[bytes]

    @property
    def name(self) -> str:
        """How a person reads it, as in the fingerprint."""
        return _display(self.schema, self.table)

    def add(self, lines: list[bytes]) -> bytes:
        """Return the statements that give the table these of its lines back, all at once, so that their order stays."""
        return b"%bUSE %b;\nALTER TABLE %b ADD %b;\n" % (VERSIONED, self.schema, self.table, b",\n  ADD ".join(lines))


class Definitions:
    """The definitions of a dump that flow by, of which some have to wait for the rows."""

    def __init__(self, large: Collection[str]) -> None:
        """Given the tables, as the fingerprint names them, for which it is worth while."""
        self._large = {name.casefold() for name in large}
        self._statements = Statements()
        self._schema = b""
        self._in_header = True
        self.header = b""
        """The settings with which the dump begins: every session that goes on with it needs them."""
        self.deferred: list[Deferred] = []
        self.views = b""
        """Statements that make the views. They wait for the indexes, which a view may name."""

    def feed(self, data: memoryview) -> bytes:
        """Take in the next piece and return what need not wait."""
        return b"".join(map(self._take, self._statements.feed(bytes(data))))

    def close(self) -> bytes:
        """Take in the end and return what need not wait."""
        return b"".join(map(self._take, self._statements.close()))

    def _take(self, statement: bytes) -> bytes:
        code = without_comments(statement)
        self._in_header = self._in_header and (not code or SETTING.match(code) is not None)
        if self._in_header:
            self.header += statement
        if used := USE.match(code):
            self._schema = used[1]
        if self.deferred and not self.views and FINAL_VIEW.search(statement, 0, len(statement) - len(code)):
            self.views = b"USE %b;\n" % self._schema
        if self.views:
            self.views += statement
            return b""
        return self._without_deferred(statement, code)

    def _without_deferred(self, statement: bytes, code: bytes) -> bytes:
        created = CREATE.match(code)
        if not created or not self._schema:
            return statement
        body, options = _split(code[created.end() :])
        taken = self._choose(created[1], body, options)
        if not taken.keys and not taken.foreign_keys:
            return statement
        self.deferred.append(taken)
        out = {*taken.keys, *taken.foreign_keys}
        kept = [line for line in body if line[2:] not in out]
        before = statement[: len(statement) - len(code)]
        return before + created[0] + b",\n".join(kept) + b"\n" + options

    def _choose(self, table: bytes, body: list[bytes], options: bytes) -> Deferred:
        """Return what of a table can wait, which may be nothing."""
        is_large = _display(self._schema, table).casefold() in self._large
        foreign = [found for found in map(FOREIGN_KEY.fullmatch, body) if found]
        parents = [_display(found[2] or self._schema, found[3]).casefold() for found in foreign]
        # a foreign key can't be made before the index of its parent that it refers to
        waits = is_large or any(parent in self._large for parent in parents)
        keys = [found[1] for found in map(KEY.fullmatch, body) if found]
        return Deferred(
            self._schema,
            table,
            keys if is_large and _is_plain(body, options) else [],
            [found[1] for found in foreign] if waits else [],
        )


def _is_plain(body: list[bytes], options: bytes) -> bool:
    """Say whether a table is understood to its last line, and can take rows without any index but its primary key."""
    primary = next((found for found in map(PRIMARY.match, body) if found), None)
    if primary is None or ODD.search(QUOTED.sub(b"", options)):
        return False
    for line in body:
        if not any(match(line) for match in (COLUMN.match, PRIMARY.match, CHECK.match, KEY.fullmatch, FOREIGN_KEY.fullmatch)):
            return False
        column = COLUMN.match(line)
        if column and column[1] != primary[1] and b" AUTO_INCREMENT" in QUOTED.sub(b"", line):
            return False
    return True


def _split(text: bytes) -> tuple[list[bytes], bytes]:
    """Given a CREATE TABLE of InnoDB behind its first line, return its columns, keys and constraints and what follows them.

    Of any other table, or of a text of another shape, there are none.
    """
    lines = LINE.findall(text)
    body = [line for line in lines if line.startswith(b"  ")]
    options = b"".join(lines[len(body) :])
    if b"".join(body) + options != text or not OPTIONS.match(options):
        return [], text
    return [line.rstrip(b"\n").removesuffix(b",") for line in body], options


def _display(schema: bytes, table: bytes) -> str:
    return names.display(*(name[1:-1].replace(b"``", b"`").decode("utf-8", "surrogateescape") for name in (schema, table)))
