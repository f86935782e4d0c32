"""Writes the shop as SQL: what a client in batch mode reads, piece by piece, whatever the size."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import re
from collections.abc import Iterable
from typing import IO

from include.proven.demo.shop import bulk, rows

FOLDER = pathlib.Path(__file__).parent
ONLY = re.compile(r"[ \t]*-- only (\w+)$")
INSERT_BYTES = 1_000_000
"""Size of one INSERT: large enough to be fast, small enough for every server's max_allowed_packet."""

PROLOGUE = """\
SET NAMES utf8mb4;
SET SESSION time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION';
SET SESSION foreign_key_checks = 0, unique_checks = 0, autocommit = 0;
"""
EPILOGUE = "COMMIT;\nSET SESSION foreign_key_checks = 1, unique_checks = 1, autocommit = 1;\n"


@dataclasses.dataclass(frozen=True)
class ShopSummary:
    """What was written."""

    tables: int
    """Tables that were filled; some more are empty."""
    rows: int
    orders: int
    bytes: int
    """Of SQL."""


def write_shop(out: IO[bytes], *, flavour: str, megabytes: int, seed: int = 1) -> ShopSummary:
    """Write SQL that drops and makes the schemas `shop` and `shop-archive` and their accounts, and return what it holds.

    `flavour` is `mariadb` or `mysql`; `megabytes` is the size of the SQL, about the size of a dump. Equal arguments give equal
    bytes. The account that loads it must be allowed everything.
    """
    writer = Writer(out)
    generator = random.Random(seed)
    plan = bulk.Plan.of_size(megabytes)
    for text in (PROLOGUE, read_sql("accounts.sql", flavour), read_sql("tables.sql", flavour)):
        writer.write(text)
    for table, values in rows.small_tables(flavour, generator, plan.products):
        writer.insert(table, values)
    for table, values in bulk.large_tables(plan, generator):
        writer.insert(table, values)
    for text in (EPILOGUE, read_sql("objects.sql", flavour), read_sql("grants.sql", flavour)):
        writer.write(text)
    return ShopSummary(tables=len(writer.tables), rows=writer.rows, orders=plan.orders, bytes=writer.bytes)


def read_sql(name: str, flavour: str) -> str:
    """Return one of the SQL files beside this module without the lines that are for the other flavour."""
    lines = []
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        only = ONLY.search(line)
        if only is None or only[1] == flavour:
            lines.append(ONLY.sub("", line))
    return "\n".join([*lines, ""])


class Writer:
    """Counts what it writes."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.tables: set[str] = set()
        self.rows = 0
        self.bytes = 0

    def write(self, text: str) -> None:
        """Write SQL as it is."""
        data = text.encode()
        self._out.write(data)
        self.bytes += len(data)

    def insert(self, table: str, values: Iterable[str]) -> None:
        """Write rows (`(1,'a')`) as INSERTs into a table, which may be followed by the names of its columns."""
        self.tables.add(table.partition(" (")[0])
        head = f"INSERT INTO {table} VALUES\n"
        batch: list[str] = []
        size = 0
        for value in values:
            batch.append(value)
            size += len(value)
            if size >= INSERT_BYTES:
                self._flush(head, batch)
                size = 0
        self._flush(head, batch)

    def _flush(self, head: str, batch: list[str]) -> None:
        if batch:
            self.rows += len(batch)
            self.write(head + ",\n".join(batch) + ";\nCOMMIT;\n")
            batch.clear()
