"""Dump tools side by side, each with its own tables, and the way of their rows into artifacts.

A lane is one tool. Its stream is cut where a table begins. A large table gets an artifact of its own, the small ones of a lane
share one; each is a dump by itself, with the tool's first lines before it and its end marker behind it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import time
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from . import cutting, dumping, names, snapshot
from .client import Session
from .contents import Contents
from .errors import AgentError
from .held_tool import HeldTool
from .outgoing import Outgoing
from .pipeline import Tail
from .progress import Meter
from .protocol import Tools
from .tables import WITHOUT_DATA

ALONE = 4 * 1024 * 1024
"""Bytes of data from which on a table has an artifact of its own."""
LEAST = 64 * 1024
"""Bytes that a table counts at least, where tables are spread: one without rows costs something, too."""
MOST_ARGUMENTS = 1024 * 1024
"""Bytes of one tool's arguments: the kernel takes twice as many."""
ROWS = ("--no-create-info", "--no-create-db", "--skip-triggers", "--skip-routines", "--skip-events")
UNSAFE = re.compile(r"[^a-z0-9_]+")
OpenArtifact = Callable[[str], Outgoing]
"""Begins an artifact of that name, from any thread."""
HINT = "Run the backup when no DDL runs, or set `parallel: 1` for this database."


@dataclasses.dataclass(frozen=True)
class Listed:
    """A table, view or sequence of the source."""

    schema: str
    name: str
    with_rows: bool
    """A dump tool gives its rows."""
    bytes: int
    """Of data, as the server estimates them."""

    @property
    def display(self) -> str:
        """Its name as the fingerprint has it."""
        return names.display(self.schema, self.name)

    @property
    def alone(self) -> bool:
        """Whether it gets an artifact of its own."""
        return self.bytes >= ALONE

    @property
    def folded(self) -> str:
        """What its name is to `--ignore-table`: without case and accents, and the schema is not told from the table."""
        text = unicodedata.normalize("NFKD", f"{self.schema}.{self.name}".casefold())
        return "".join(letter for letter in text if not unicodedata.combining(letter))

    @property
    def artifact(self) -> str:
        """The name of that artifact, which no other table's can have."""
        digest = hashlib.sha256(f"{self.schema}\0{self.name}".encode("utf-8", "surrogateescape")).hexdigest()
        return f"rows-{UNSAFE.sub('-', self.display.lower()).strip('-')[:40]}-{digest[:12]}.sql.zst.gpg"


def list_all(session: Session, flavour: str, schemas: list[str]) -> list[Listed]:
    """Return all that the schemas hold under a table's name, in the order in which a dump tool comes to it."""
    if flavour == "mysql":
        # its word on how large a table is may be a day old
        session.execute("SET SESSION information_schema_stats_expiry = 0")
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED'), UPPER(COALESCE(ENGINE, '')),"
        f" COALESCE(DATA_LENGTH, 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ({names.literals(schemas)})"
    )
    found = (
        Listed(names.spell(schema), names.spell(name), is_table == "1" and engine not in WITHOUT_DATA, int(size or 0))
        for schema, name, is_table, engine, size in rows
    )
    by_size = flavour == "mariadb"
    return sorted(
        (one for one in found if one.schema in schemas),
        key=lambda one: (schemas.index(one.schema), one.bytes if by_size else 0, one.name),
    )


def spread(listed: list[Listed], most: int) -> list[list[Listed]]:
    """Return the tables with rows in as many lanes, none of them empty: the largest first, each to the lane that has least.

    What `--ignore-table` can't tell apart goes to one lane.
    """
    places = {one: place for place, one in enumerate(listed)}
    groups: dict[str, list[Listed]] = {}
    for one in listed:
        if one.with_rows:
            groups.setdefault(one.folded, []).append(one)
    lanes: list[list[Listed]] = [[] for _ in range(min(most, len(groups)))]
    loads = [0] * len(lanes)
    for tables in sorted(groups.values(), key=_weigh, reverse=True):
        least = loads.index(min(loads))
        lanes[least] += tables
        loads[least] += _weigh(tables)
    return [sorted(lane, key=places.__getitem__) for lane in lanes]


def order_by_turn(lanes: list[list[Listed]]) -> list[str]:
    """Return the names of the tables that have an artifact each, in about the order in which their lanes come to them."""
    turns: list[tuple[int, str]] = []
    for lane in lanes:
        before = 0
        for table in lane:
            if table.alone:
                turns.append((before, table.display))
            before += _weigh([table])
    return [name for _, name in sorted(turns)]


def arguments(tools: Tools, listed: list[Listed], lane: list[Listed]) -> list[str]:
    """Return the argv that dumps the rows of a lane's tables and nothing else. Raise AgentError (source) if it is too long."""
    mine, schemas = {one.folded for one in lane}, list(dict.fromkeys(one.schema for one in lane))
    ignored = (one for one in listed if one.schema in schemas and one.folded not in mine)
    others = [f"--ignore-table={one.schema}.{one.name}" for one in ignored]
    if sum(len(other.encode("utf-8", "surrogateescape")) + 1 for other in others) > MOST_ARGUMENTS:
        what = f"{len(listed)} tables are too many to be dumped by several tools"
        raise AgentError("source", what, hint="Set `parallel: 1` for this database.")
    return dumping.arguments(tools, schemas, [*ROWS, *others])


def _weigh(tables: list[Listed]) -> int:
    return sum(max(table.bytes, LEAST) for table in tables)


@dataclasses.dataclass
class Sent:
    """An artifact `rows` and the tables that are in it."""

    outgoing: Outgoing
    tables: list[str]
    alone: bool


class Lane:
    """One dump tool that runs, and its artifacts."""

    def __init__(self, number: int, tables: list[Listed], tool: HeldTool, tools: Tools, contents: Contents) -> None:
        self.tool = tool
        self.marker = snapshot.MarkerWatch(tools["snapshot_marker"])
        self.sent: list[Sent] = []
        self.reused: list[dict[str, Any]] = []
        self._number = number
        self._tools = tools
        self._contents = contents
        self._open_artifact: OpenArtifact
        self._awaited = {
            (cutting.words_of(cutting.SCHEMA, one.schema), cutting.words_of(cutting.TABLE, one.name)): one for one in tables
        }
        self._header, self._section = bytearray(), bytearray()
        self._schema = b""
        self._take: Callable[[memoryview], object] = self._header.extend
        self._tail = Tail()
        self._current: Sent | None = None
        self._before: Sent | None = None
        self._small: Sent | None = None
        self._small_schema = b""

    def run(self, plain: Meter, open_artifact: OpenArtifact) -> None:
        """Send what the tool gives, to its end. Raise AgentError (source) for a table that it should not give."""
        self._open_artifact = open_artifact

        def see(data: memoryview) -> None:
            self.marker.see(data)
            self._tail.see(data)
            plain.add(len(data))

        with self.marker:
            cutting.cut(self.tool.process.stdout, see, self._begin, lambda data: self._take(data))
            self._end_table()
            self._close(self._small)

    def require_whole(self) -> None:
        """Raise AgentError if the tool, which has ended well, has not given all that it should."""
        ended = self._tail.ends_with(self._tools["end_marker"])
        dumping.check_whole(self.tool.process.name, self._tools, snapshot=self.marker.found, ended=ended)
        if self._awaited:
            missing = ", ".join(sorted(one.display for one in self._awaited.values())[:5])
            raise AgentError("source", "a table was altered during the backup: no dump tool gave it", detail=missing, hint=HINT)

    def _begin(self, words: bytes) -> None:
        """Begin a schema or a table."""
        if words.startswith(cutting.SCHEMA):
            self._end_table()
            self._schema = words
            self._section = bytearray()
            self._take = self._section.extend
        elif words.startswith(cutting.TABLE):
            self._end_table()
            table = self._awaited.pop((self._schema, words), None)
            if table is None:
                what = "a table was altered during the backup: it was not there when that began"
                raise AgentError("source", what, detail=(self._schema + b", " + words).decode("utf-8", "replace"), hint=HINT)
            self._take = self._begin_table(table)

    def _begin_table(self, table: Listed) -> Callable[[memoryview], object]:
        """Return what takes the rows of a table."""
        if not table.alone:
            return self._begin_small(table)
        if found := self._contents.find(table.display):
            self.reused.append(found)
            return lambda data: None
        if self._before:
            self._before.outgoing.wait()  # or what waits for a slow store would grow by each table's end
        self._current = self._open(table.artifact, [table.display], alone=True)
        return self._current.outgoing.write

    def _begin_small(self, table: Listed) -> Callable[[memoryview], object]:
        if self._small is None:
            self._small = self._open(f"rows-{self._number}.sql.zst.gpg", [], alone=False)
        elif self._small_schema != self._schema:
            self._small.outgoing.write(memoryview(self._section))
        self._small_schema = self._schema
        self._small.tables.append(table.display)
        return self._small.outgoing.write

    def _open(self, name: str, tables: list[str], *, alone: bool) -> Sent:
        sent = Sent(self._open_artifact(name), tables, alone)
        sent.outgoing.write(memoryview(self._header + self._section))
        self.sent.append(sent)
        return sent

    def _end_table(self) -> None:
        self._close(self._current)
        self._before, self._current = self._current or self._before, None

    def _close(self, sent: Sent | None) -> None:
        """End an artifact in the tool's words: it has begun what comes next, or has ended."""
        if sent:
            sent.outgoing.write(memoryview(f"\n{self._tools['end_marker']}\n".encode()))
            sent.outgoing.close()


class Markers:
    """The snapshots of all lanes, as one."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes

    def wait(self, seconds: float | None) -> bool:
        """Wait until every lane has its snapshot or has ended; return False if one has not after `seconds` in all."""
        until = None if seconds is None else time.monotonic() + seconds
        return all(lane.marker.wait(None if until is None else max(0.0, until - time.monotonic())) for lane in self._lanes)

    def wait_for_end(self) -> None:
        """Wait until no lane's tool writes any more."""
        for lane in self._lanes:
            lane.marker.ended.wait()
