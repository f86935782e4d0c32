"""The fingerprint: per table, how many rows and a digest over every column of every row.

A row becomes text in which every value ends where it says it ends, so that no two different rows read alike:

    numbers, dates      the value or `N` for NULL, comma       `42,`
    short UTF-8         the bytes and FF, or FE for NULL        UTF-8 has neither of these
    text and bytes      length, comma, the bytes, or `N,`       `5,hello`   beyond 1 KiB their SHA-256 in the bytes' place
    JSON, geometry …    SHA-256 of the bytes, or `N`

The first 64 bits of the row's SHA-256 are summed over the table as an exact decimal: the order of rows does not matter, two
equal rows count twice and never cancel, and a value that moves to another row or column changes the sum. An accident goes
unseen with a chance of 2^-64. It is no seal against somebody who chooses rows: who may write many finds others of the same sum
(generalised birthdays). Against him there is the artifact's SHA-256 in the signed manifest; the digest asks whether dump and
load were true. A second sum of other 64 bits would double the price, and not help against him: no server computes one hash for
two sums. (A user variable would, but not even MariaDB 10.11 keeps to an order of evaluation.)

MySQL 9.7 has neither MD5() nor SHA1() any more; SHA2() is everywhere. Restored text and source text are compared byte by byte
in the column's own character set, whatever the session speaks. FLOAT is taken as the server prints it (6 digits), and minus
zero as zero: no dump tool carries more.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from typing import Any

from . import explain, names, sampling, server
from .client import Session
from .errors import AgentError
from .tables import Column, Table, list_tables

ALGORITHM = "sha256-sum64"

AS_PRINTED = frozenset({
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal",
    "year", "date", "time", "datetime", "timestamp",
})  # fmt: skip
INEXACT = frozenset({"float", "double"})
SHORT = frozenset({"char", "varchar", "binary", "varbinary", "enum", "set"})
"""A row of them can't be longer than 64 KiB, far below max_allowed_packet, above which CONCAT turns into NULL."""
WITHOUT_FE_AND_FF = frozenset({"ascii", "utf8", "utf8mb3", "utf8mb4"})
"""Character sets in which these bytes are in no text: they may end one, which is cheaper than to measure it."""
LONG = frozenset({"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob"})
INLINE_BYTES = 1024
"""Values of long types up to this size have no hash of their own, which would cost as much as the row's."""

UNHASHED = 10**35
"""Counts for a row whose hash is NULL: far above any sum of hashes, so that such a row can't go unseen."""

BEFORE_TABLES, LET_GO = "SAVEPOINT proven_tables", "ROLLBACK TO SAVEPOINT proven_tables"
"""Going back gives up the tables that were read, as the dump tools do: who waits to alter one holds up all who come after him,
and the dump would be one of them. There is one savepoint: once an Aria table was read, MariaDB makes no other."""

HINT_UNREADABLE = "Check the table (CHECK TABLE), max_allowed_packet of the server, and the grants of the backup account."

OnTable = Callable[[str, int, int], None]
"""Called after each table with its name, how many tables are done, and how many there are."""
OnEntry = Callable[[Table, dict[str, Any]], None]
"""Called with each table and its entry, in the session and while the table can't be altered by others."""


def compute(
    session: Session,
    flavour: str,
    schemas: list[str],
    on_table: OnTable | None = None,
    *,
    sample_above: int = 0,
    like: dict[str, Any] | None = None,
    in_snapshot: bool = False,
    order: Sequence[str] = (),
    on_entry: OnEntry | None = None,
) -> dict[str, Any]:
    """Given a session inside a snapshot, return the fingerprint of every base table of `schemas`.

    `{"algorithm": …, "tables": {"shop.orders": {"rows": 123, "digest": hex, "columns": 9, "engine": "InnoDB", "seconds": 0.1}},
    "rows": sum of all tables}`. Where columns tell when rows were written, the table has `"newest": {"created_at":
    "2026-11-21T04:35:12+00:00"}` too. Views, sequences and tables without data of their own are left out.

    Tables of more than `sample_above` bytes (0: none) are sampled: `rows` counts them whole, digest and `newest` are of those
    in `"samples": {"column": …, "type": …, "ranges": [[from, to], …], "rows": 456}`; where that can't be done, `"unsampled"`
    says why, and every row is read. Given the source's fingerprint as `like`, each table is read as it was there.

    With `in_snapshot` each table may be altered by others as soon as it is read, though the session's transaction goes on.
    Those that `order` names are read first, in that order.

    Raise AgentError (source) if a row can't be hashed or a table can't be read.
    """
    server.steady(session, flavour)
    if sample_above and flavour == "mysql":
        # its word on how large a table is may be a day old
        session.execute("SET SESSION information_schema_stats_expiry = 0")
    found = [table for schema in schemas for table in list_tables(session, schema)]
    known, tables = (like or {}).get("tables", {}), {}
    places = {name: place for place, name in enumerate(order)}
    found.sort(key=lambda table: places.get(names.display(table.schema, table.name), len(places)))
    if in_snapshot:
        session.execute(BEFORE_TABLES)
    for done, table in enumerate(found, start=1):
        name, begun = names.display(table.schema, table.name), time.monotonic()
        samples = sampling.choose(session, table, sample_above, known.get(name))
        tables[name] = {**digest_table(session, table, samples), "seconds": round(time.monotonic() - begun, 3)}
        if on_entry:
            on_entry(table, tables[name])
        if in_snapshot:
            session.execute(LET_GO)
        if on_table:
            on_table(name, done, len(found))
    return {"algorithm": ALGORITHM, "tables": tables, "rows": sum(table["rows"] for table in tables.values())}


def digest_table(session: Session, table: Table, samples: sampling.Samples | str = "") -> dict[str, Any]:
    """Read a table once, whole or by samples, and return its entry of the fingerprint."""
    if not table.columns:
        # whoever may read a table sees its columns: it was there when the tables were listed, and is being replaced now
        raise _unreadable(table, "no column of it can be seen: it is being altered", explain.NO_DDL)
    sampled = samples if isinstance(samples, sampling.Samples) else None
    counted, summed, *moments = session.query(table_query(table, sampled.clause if sampled else ""))[0]
    rows, total = int(counted or 0), int(summed or 0)
    if unhashed := total // UNHASHED:
        raise _unreadable(table, f"{unhashed} of {rows} rows could not be hashed")
    entry: dict[str, Any] = {"rows": rows, "digest": f"{total:024x}", "columns": len(table.columns), "engine": table.engine}
    if sampled:
        entry["samples"] = sampled.describe(rows)
        entry["rows"] = int(session.query(f"SELECT COUNT(*) FROM {table.path}")[0][0] or 0)
    elif samples:
        entry["unsampled"] = samples
    newest = {column.name: _as_moment(text) for column, text in zip(_dated(table), moments)}
    if known := {name: moment for name, moment in newest.items() if moment}:
        entry["newest"] = known
    return entry


def table_query(table: Table, clause: str = "") -> str:
    """Return the one query of a table, or of its rows that a clause names: rows, sum of hashes, newest of each dated column."""
    # CAST: CONV returns text, and the sum of text is an inexact double
    number = f"CAST(CONV(LEFT(SHA2({row_text(table.columns)}, 256), 16), 16, 10) AS UNSIGNED)"
    newest = "".join(f", MAX({names.quote(column.name)})" for column in _dated(table))
    return f"SELECT COUNT(*), SUM(COALESCE({number}, {UNHASHED})){newest} FROM {table.path}{clause}"


def row_text(columns: list[Column]) -> str:
    """Return the SQL expression of a row's text. It is NULL, never wrong, if a part of it can't be computed.

    The empty binary text before it has columns of different character sets put together by their bytes, not converted.
    """
    return "CONCAT(CAST('' AS BINARY), " + ", ".join(value_text(column) for column in columns) + ")"


def value_text(column: Column) -> str:
    """Return the SQL expressions, to be put together, of one value's text."""
    name = names.quote(column.name)
    if column.type in AS_PRINTED:
        return f"IFNULL({name}, 'N'), ','" if column.nullable else f"{name}, ','"
    if column.type in INEXACT:
        return f"IFNULL(IF({name} = 0, '0', {name}), 'N'), ','"
    if column.type == "bit":
        return f"IFNULL({name} + 0, 'N'), ','" if column.nullable else f"{name} + 0, ','"
    if column.type in SHORT and column.charset in WITHOUT_FE_AND_FF:
        return f"IFNULL({name}, ''), IF({name} IS NULL, X'FE', X'FF')" if column.nullable else f"{name}, X'FF'"
    if column.type in SHORT | LONG:
        return _with_length(column, name)
    return f"IF({name} IS NULL, 'N', SHA2({name}, 256))"


def _with_length(column: Column, name: str) -> str:
    length, value = f"LENGTH({name})", name
    if column.nullable:
        length, value = f"IFNULL({length}, 'N')", f"IFNULL({name}, '')"
    if column.type in LONG:
        value = f"IF(LENGTH({name}) > {INLINE_BYTES}, SHA2({name}, 256), CAST({value} AS BINARY))"
    return f"{length}, ',', {value}"


def _dated(table: Table) -> list[Column]:
    return [column for column in table.columns if column.dates_rows]


def _as_moment(text: str | None) -> str | None:
    """Return a DATETIME as ISO 8601. None: there is none, or it is no date, such as zeros."""
    whole, _, fraction = (text or "").partition(".")
    try:
        moment = datetime.datetime.fromisoformat(f"{whole}.{fraction:0<6}" if fraction else whole)
    except ValueError:
        return None
    return moment.replace(tzinfo=datetime.timezone.utc).isoformat()


def _unreadable(table: Table, detail: str, hint: str = HINT_UNREADABLE) -> AgentError:
    what = f"table {names.display(table.schema, table.name)} can't be fingerprinted"
    return AgentError("source", what, detail=detail, hint=hint)
