"""The statements of a dump that flows by, each whole, cut where the client cuts them: strings, names, comments and DELIMITER.

Nothing but the statement that is under way is held, and whoever joins what comes out has what went in, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .errors import AgentError

LONGEST = 64 << 20
"""Bytes of one statement at most."""
BEFORE = re.compile(rb"(?:\s+|--(?:[ \t][^\n]*)?(?:\n|$)|#[^\n]*(?:\n|$)|/\*(?!M?!|\+).*?\*/)*", re.DOTALL)
"""White space and comments: what stands before a statement."""
DELIMITER = re.compile(rb"DELIMITER[ \t]+(\S+)\s*", re.IGNORECASE)
SQL_MODE = re.compile(rb"/\*!50003 SET sql_mode += (?:'([A-Z0-9_,]*)'|@)")
COMMENT, PLAIN = rb"[^*]*(?:\*(?!/)[^*]*)*\*/", rb"[^%b]*%b"
ESCAPED = rb"[^\\%b]*(?:\\.[^\\%b]*)*%b"
ENDS = {mark: re.compile(PLAIN % (mark, mark)) for mark in (b"'", b'"', b"`")} | {b"/*": re.compile(COMMENT)}
ENDS_ESCAPED = {**ENDS, **{mark: re.compile(ESCAPED % (mark, mark, mark), re.DOTALL) for mark in (b"'", b'"')}}
"""What ends a string, a name or a comment that was begun."""


class Statements:
    """Takes a dump in any pieces and gives its statements, each with what stands before it."""

    def __init__(self) -> None:
        self._carry = b""
        self._text = b""
        self._open = b""
        self._ends = ENDS_ESCAPED
        self._set_delimiter(b";")

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take in the next piece and yield what has ended in it. Raise AgentError (load) for a statement beyond all measure."""
        *lines, self._carry = (self._carry + data).split(b"\n")
        for line in lines:
            yield from self._take(line + b"\n")
        if len(self._carry) + len(self._text) > LONGEST:
            raise AgentError("load", f"the dump's definitions hold a statement of more than {LONGEST} bytes")

    def close(self) -> Iterator[bytes]:
        """Take in the end of the dump and yield what is left."""
        yield from self._take(self._carry)
        if self._text:
            yield self._text

    def _take(self, line: bytes) -> Iterator[bytes]:
        command = None if self._open else DELIMITER.fullmatch(line)
        if command and BEFORE.fullmatch(self._text):
            self._set_delimiter(command[1])
            yield self._text + line
            self._text = b""
            return
        begun = place = 0
        while place < len(line):
            place, ended = self._read(line, place)
            if ended:
                yield self._end(line[begun:place])
                begun = place
        self._text += line[begun:]

    def _read(self, line: bytes, place: int) -> tuple[int, bool]:
        """Read on from `place` as the client does, and return to where, and whether a statement ends there."""
        if self._open:
            found = self._ends[self._open].match(line, place)
            self._open = b"" if found else self._open
            return (found.end() if found else len(line)), False
        found = self._marks.search(line, place)
        if found is None or found[0] in (b"--", b"#"):
            return len(line), False
        if found[0] == self._delimiter:
            return found.end(), True
        self._open = found[0]
        return found.end(), False

    def _end(self, text: bytes) -> bytes:
        statement, self._text = self._text + text, b""
        if mode := SQL_MODE.search(statement):
            self._ends = ENDS if b"NO_BACKSLASH_ESCAPES" in (mode[1] or b"") else ENDS_ESCAPED
        return statement

    def _set_delimiter(self, delimiter: bytes) -> None:
        self._delimiter = delimiter
        # `/*!` begins no comment: the server reads what is in it, and the client ends a statement there
        self._marks = re.compile(rb"['\"`]|/\*(?!M?!|\+)|--(?=\s|$)|#|" + re.escape(delimiter))


def without_comments(statement: bytes) -> bytes:
    """Return a statement without the comments and white space before it."""
    found = BEFORE.match(statement)
    return statement[found.end() :] if found else statement
