"""One table or one schema out of a dump that flows by: its header, the sections of what is wanted, its footer.

`mariadb-dump` and `mysqldump` begin each section with a comment at the start of a line. The same words may stand in a routine's
body, in a name that holds a line break, or in a value, so the text is read as the client reads it: strings, names, comments and
DELIMITER. Rows, which are nearly all of a dump, need no such look: a value's line breaks are escaped there. Of them nothing is
held; of all else one line is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from . import names
from .deferring_statements import ENDS, ENDS_ESCAPED, SQL_MODE
from .errors import AgentError
from .jobs import Wanted

NAME = rb"`((?:[^`]|``)*)`"
KINDS = {
    b"Current Database:": "schema",
    b"Table structure for table": "table",
    b"Dumping data for table": "table",
    b"Sequence structure for": "table",
    b"Temporary table structure for view": "program",
    b"Temporary view structure for view": "program",
    b"Final view structure for view": "program",
    b"Dumping events for database": "program",
    b"Dumping routines for database": "program",
}
"""The tools' headings: of a schema, of a table or sequence, and of what is wanted with the whole schema only."""
HEADING = re.compile(rb"-- (" + b"|".join(KINDS) + rb") ([`'])")
NAMED = re.compile(rb"-- (" + b"|".join(KINDS) + rb") " + NAME + rb"([^`])")
FOOTER = b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE"
USE = re.compile(rb"USE " + NAME + rb";")
OF_SCHEMA = re.compile(rb"((?:USE|CREATE DATABASE|ALTER DATABASE) (?:/\*.*?\*/ )?)" + NAME + rb"(?!`)")
"""Statements about a schema, each on a line of its own if the name has no line break."""
REMOVES = re.compile(rb"DROP (?:TABLE|SEQUENCE) IF EXISTS ")
DELIMITER = b"DELIMITER "
ROWS_BEGIN = re.compile(rb"(?:INSERT|REPLACE) ")
ROWS = re.compile(rb"(?:INSERT|REPLACE) +(?:IGNORE +)?INTO +" + NAME + rb"(?: \((?:" + NAME + rb"|[^`)])*\))? VALUES")
ROWS_END = re.compile(rb"\n(?=[^(])")
MOST_COLUMNS = 4 << 20
"""Bytes that the names of all columns may take, before the first row."""
LONGEST_LINE = 32 << 20
MARK = re.compile(rb"['\"`]|/\*(?!M?!)|--(?=\s|$)|#")
"""What begins a string, a name or a comment. `/*!` does not: the server reads what is in it."""
SPACE = rb"(?:\s|/\*(?!M?!).*?\*/|--\s[^\n]*\n|#[^\n]*\n)"
WORD = rb"(?:`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|[\w$\x80-\xff]+)"
EVENT = rb"(?:INSERT|UPDATE|DELETE)"
TRIGGER = re.compile(
    rb"\bTRIGGER%(s)b+(?:IF%(s)b+NOT%(s)b+EXISTS%(s)b+)?%(w)b(?:%(s)b*\.%(s)b*%(w)b)?%(s)b+(?:BEFORE|AFTER)%(s)b+"
    rb"%(e)b(?:%(s)b+OR%(s)b+%(e)b)*%(s)b+ON%(s)b*(?:%(w)b%(s)b*\.%(s)b*)?(%(w)b)" % {b"s": SPACE, b"w": WORD, b"e": EVENT},
    re.DOTALL | re.IGNORECASE,
)
"""The beginning of a trigger, to the table that it is on. MariaDB gives it as it was typed, with its comments."""


class Sections:
    """Passes on what is wanted of a dump that comes in any pieces, and nothing that removes a table."""

    def __init__(self, wanted: list[Wanted], write: Callable[[bytes], object], *, schema: str = "") -> None:
        """`schema` is that of a dump of single tables, which names none."""
        self._wanted = {one["schema"]: one for one in wanted}
        self._write = write
        self._carry = b""
        self._in_rows = False
        self._open = b""
        """The quote or `/*` that was begun and not ended."""
        self._delimiter = b";"
        self._ends = ENDS_ESCAPED
        self._schema = schema
        self._kind = ""
        """Of the heading that went by last."""
        self._passes = True
        self._removes = False
        self._body: list[bytes] | None = None
        """Lines of a trigger that stands under no heading of a table: a dump of triggers alone has none."""
        self.found: set[tuple[str, str]] = set()
        """Schema and name of each table and sequence that was passed on."""

    def feed(self, data: memoryview) -> None:
        """Take in the next piece. Raise AgentError for what can't be passed on as it is wanted."""
        text, place = self._carry + data, 0
        while True:
            end = self._end_of_rows(text, place) if self._in_rows else self._end_of_line(text, place)
            if end == place:
                break
            place = end
        self._carry = text[place:]
        if len(self._carry) > LONGEST_LINE:
            hint = "Restore the whole recovery point to an empty server, and take from there what you need."
            raise AgentError("load", f"the dump has a line of more than {LONGEST_LINE} bytes", hint=hint)

    def close(self) -> None:
        """Take in the end of the dump."""
        if self._in_rows:
            self._pass(self._carry)
        else:
            self._take(self._carry)
        self._carry = b""

    def _end_of_rows(self, text: bytes, place: int) -> int:
        """Pass on rows, and return where they end, or what is there of them."""
        found = ROWS_END.search(text, place)
        self._in_rows = found is None
        end = found.end() if found else len(text) - text.endswith(b"\n", place)
        self._pass(text[place:end])
        return end

    def _end_of_line(self, text: bytes, place: int) -> int:
        """Take in a line, or a statement up to its rows, and return where it ends; `place` if it is not all there."""
        if self._is_between and ROWS_BEGIN.match(text, place):
            if rows := ROWS.match(text, place):
                self._in_rows = True
                self._pass(text[place : rows.end()])
                return rows.end()
            if len(text) - place < MOST_COLUMNS:
                return place
        end = text.find(b"\n", place) + 1
        heading = HEADING.match(text, place) if end and self._is_between else None
        if heading and heading[2] == b"`":
            # a name with a line break takes more than one line
            named = NAMED.match(text, place)
            end = named.end() if named and named[3] == b"\n" else end if named else 0
        if end:
            self._take(text[place:end])
        return end or place

    @property
    def _is_between(self) -> bool:
        """Whether we are outside of strings, names, comments and bodies."""
        return not self._open and self._delimiter == b";"

    def _take(self, line: bytes) -> None:
        if self._is_between:
            self._follow(line)
        if not self._open and line.startswith(DELIMITER):
            self._delimit(line)
            return
        if mode := SQL_MODE.match(line):
            self._ends = ENDS if b"NO_BACKSLASH_ESCAPES" in (mode[1] or b"") else ENDS_ESCAPED
        about = None if self._open else OF_SCHEMA.match(line)
        code = self._read(line)
        if self._body is not None:
            self._body.append(line)
        elif not self._removes:
            # of a body its strings count, too: they may be statements
            self._pass(self._rename(line, code if self._delimiter == b";" else line, about))
        self._removes = self._removes and bool(self._open)

    def _delimit(self, line: bytes) -> None:
        """Begin a body, or end it: a trigger's passes if it is on a table that is wanted."""
        self._delimiter = line[len(DELIMITER) :].strip()
        wanted = self._wanted.get(self._schema)
        if self._body is not None:
            body, self._body = b"".join(self._body), None
            if wanted and _table_of(body) in {name.casefold() for name in wanted["tables"]}:
                self._pass(self._rename(body, body, None))
        elif self._kind == "schema" and wanted and wanted["tables"]:
            self._body = []
        self._pass(line)

    def _follow(self, line: bytes) -> None:
        """Know from a line between statements where we are, and whether that is wanted."""
        if heading := HEADING.match(line):
            named = NAMED.match(line)
            self._kind = kind = KINDS[heading[1]]
            # the tools put `-- ` behind a line break, so that all of the heading is a comment
            name = _decode(named[2].replace(b"\n-- ", b"\n")) if named else ""
            if kind == "schema":
                self._schema = name
            wanted = self._wanted.get(self._schema)
            self._passes = wanted is not None and (kind == "schema" or not wanted["tables"] or name in wanted["tables"])
            if self._passes and kind == "table":
                self.found.add((self._schema, name))
        elif used := USE.match(line):
            self._schema = _decode(used[1])
            self._passes = self._schema in self._wanted
        elif line.startswith(FOOTER):
            self._passes = True
        self._removes = REMOVES.match(line) is not None

    def _read(self, line: bytes) -> bytes:
        """Read a line as the client does, and return what of it is neither string nor comment."""
        place, code = 0, b""
        while place < len(line):
            if self._open:
                found = self._ends[self._open].match(line, place)
                end = found.end() if found else len(line)
                code += line[place:end] if self._open == b"`" else b""
                self._open, place = (b"" if found else self._open), end
                continue
            found = MARK.search(line, place)
            end = found.start() if found else len(line)
            code += line[place:end]
            if found is None or found[0] in (b"--", b"#"):
                break
            self._open, place = found[0], found.end()
            code += b"`" if self._open == b"`" else b""
        return code

    def _rename(self, text: bytes, telling: bytes, about: re.Match[bytes] | None) -> bytes:
        """Return a text as it has to be in the schema that gets it. Raise AgentError if what is `telling` names the other."""
        wanted = self._wanted.get(self._schema)
        if not self._passes or wanted is None or wanted["into"] == wanted["schema"]:
            return text
        if about:
            return about[1] + _quote(wanted["into"]) + text[about.end() :]
        if names_schema(telling, wanted["schema"]):
            hint = "Restore it under its own name, on a server that has none of that name."
            detail = telling.decode("utf-8", "replace").strip()[:200]
            what = f"an object of {wanted['schema']} names its schema: it can't be restored as {wanted['into']}"
            raise AgentError("config", what, detail=detail, hint=hint)
        return text

    def _pass(self, text: bytes) -> None:
        if self._passes and text:
            self._write(text)


def names_schema(text: bytes, schema: str) -> bool:
    """Say whether a text names something by its schema, as in `shop`.`orders` or shop.orders."""
    bare = re.escape(schema.encode("utf-8", "surrogateescape"))
    return re.search(rb"(?:%b|(?<![\w$`@])%b)\s*(?:\.|$)" % (re.escape(_quote(schema)), bare), text, re.IGNORECASE) is not None


def _table_of(body: bytes) -> str:
    """Return the name, in lower case, of the table that a trigger is on. Raise AgentError if that can't be told."""
    found = TRIGGER.search(body)
    if found is None:
        hint = "Restore all of its schema with --schema."
        raise AgentError("load", "a trigger's table can't be told", detail=body.decode("utf-8", "replace")[:200], hint=hint)
    name, quote = found[1], found[1][:1]
    bare = name[1:-1].replace(quote * 2, quote) if quote in (b"`", b'"') else name
    return bare.decode("utf-8", "surrogateescape").casefold()


def _decode(name: bytes) -> str:
    """Given what stands between the backticks of a name, return it."""
    return name.replace(b"``", b"`").decode("utf-8", "surrogateescape")


def _quote(name: str) -> bytes:
    return names.quote(name).encode("utf-8", "surrogateescape")
