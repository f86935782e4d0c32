"""Columns of every type: a random value of each, the smallest change of it, and how both are written in SQL.

A value is what Python can change and SQL can spell. None is NULL. `nudge` may return what the server stores as the same value
(a space at the end of a CHAR): whoever mutates looks at what a client reads, and tries another.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import json
import math
from collections.abc import Callable
from random import Random
from typing import Any

from include.proven.agent import names

LETTERS = "N0123456789,abAB \\'\t\n\0"
"""Of which texts are made: few, and those that could be taken for our own punctuation, so that texts come near each other."""
EPOCH = datetime.datetime(2000, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """One column that rows give a value."""

    name: str
    type: str
    """As CREATE TABLE has it."""
    family: str
    """Values of columns of one family can be exchanged."""
    fresh: Callable[[Random], Any]
    nudge: Callable[[Random, Any], Any]
    empty: Any
    """What a NULL is confused with."""
    sql: Callable[[Any], str] = str
    key: str = ""
    """SQL that compares the column byte by byte; empty: the column itself does."""

    def literal(self, value: Any) -> str:
        """Return the value as SQL."""
        return "NULL" if value is None else self.sql(value)

    def is_value(self, value: Any) -> str:
        """Return the condition that holds for rows with that value and no other."""
        column = names.quote(self.name)
        if value is None:
            return f"{column} IS NULL"
        return (self.key or "{} <=> ({})").format(column, self.literal(value))

    def random(self, rng: Random) -> Any:
        """Return NULL, the empty value, or any other."""
        chance = rng.random()
        return None if chance < 0.12 else self.empty if chance < 0.24 else self.fresh(rng)


def integer(name: str, kind: str, lowest: int, highest: int) -> Column:
    """An integer, changed by one or by one bit."""

    def nudge(rng: Random, value: int) -> int:
        changed = rng.choice([value + 1, value - 1, value ^ (1 << rng.randrange(highest.bit_length()))])
        return min(max(changed, lowest), highest)

    return Column(name, kind, "integer", lambda rng: rng.choice([rng.randint(0, 9), rng.randint(lowest, highest)]), nudge, 0)


def exact(name: str, digits: int, scale: int) -> Column:
    """A DECIMAL, changed in its last digit."""
    unit = decimal.Decimal(1).scaleb(-scale)

    def fresh(rng: Random) -> decimal.Decimal:
        return rng.randint(-(10 ** (digits - 1)), 10 ** (digits - 1)) * unit

    def nudge(rng: Random, value: decimal.Decimal) -> decimal.Decimal:
        return value + rng.choice([unit, -unit])

    return Column(name, f"DECIMAL({digits},{scale})", "exact", fresh, nudge, decimal.Decimal(0))


def single(name: str) -> Column:
    """A FLOAT, of at most 6 digits as clients and dumps print it, changed in its last one."""
    step = decimal.Decimal("0.01")

    def fresh(rng: Random) -> decimal.Decimal:
        return rng.randint(-99999, 99999) * step

    return Column(name, "FLOAT", "single", fresh, lambda rng, value: value + step, decimal.Decimal(0))


def double(name: str) -> Column:
    """A DOUBLE, changed in its last bit."""

    def nudge(rng: Random, value: float) -> float:
        return math.nextafter(value, rng.choice([math.inf, -math.inf]))

    return Column(name, "DOUBLE", "double", lambda rng: rng.uniform(-1e6, 1e6), nudge, 0.0, repr)


def bits(name: str, width: int) -> Column:
    """A BIT, changed in one."""

    def nudge(rng: Random, value: int) -> int:
        return value ^ (1 << rng.randrange(width))

    return Column(name, f"BIT({width})", f"bits {width}", lambda rng: rng.getrandbits(width), nudge, 0)


def moment(name: str, kind: str, step: datetime.timedelta, shape: str, family: str, empty: str) -> Column:
    """A date or time between 2000 and 2030, changed by its smallest step. Its value is a text."""

    def fresh(rng: Random) -> str:
        return (EPOCH + rng.randrange(30 * 365) * datetime.timedelta(days=1) + rng.randrange(10**10) * MICROSECOND).strftime(
            shape
        )

    def nudge(rng: Random, value: str) -> str:
        if value == empty:
            return fresh(rng)
        return (datetime.datetime.strptime(value, shape) + rng.choice([step, -step])).strftime(shape)

    return Column(name, kind, family, fresh, nudge, empty, lambda value: f"'{value}'")


def year(name: str) -> Column:
    """A YEAR."""
    return Column(name, "YEAR", "year", lambda rng: rng.randint(1950, 2100), lambda rng, value: value + 1 if value else 1901, 0)


def text(name: str, kind: str, longest: int, *, letters: str = "é😀", family: str = "text") -> Column:
    """A text, changed in one character, or made one longer or shorter. `letters`: those besides ASCII."""
    alphabet = LETTERS + letters

    def fresh(rng: Random) -> str:
        return "".join(rng.choices(alphabet, k=rng.randint(1, longest)))

    def nudge(rng: Random, value: str) -> str:
        at = rng.randrange(len(value) + 1)
        put, gone = rng.choice([(1, 1), (1, 1), (1, 0), (0, 1)])
        return (value[:at] + "".join(rng.choices(alphabet, k=put)) + value[at + gone :])[:longest]

    key = "HEX(CONVERT({} USING utf8mb4)) <=> HEX({})"
    return Column(name, kind, family, fresh, nudge, "", names.literal, key)


def octets(name: str, kind: str, longest: int, *, fixed: bool = False) -> Column:
    """Bytes, changed in one bit, or made one longer or shorter."""

    def fresh(rng: Random) -> bytes:
        return rng.randbytes(longest if fixed else rng.randint(1, longest))

    def nudge(rng: Random, value: bytes) -> bytes:
        if not value or (not fixed and rng.random() < 0.2):
            return (value + rng.randbytes(1))[:longest]
        at = rng.randrange(len(value))
        return value[:at] + bytes([value[at] ^ (1 << rng.randrange(8))]) + value[at + 1 :]

    return Column(name, kind, "octets", fresh, nudge, bytes(longest) if fixed else b"", lambda value: f"X'{value.hex()}'")


def members(name: str, kind: str, values: list[str]) -> Column:
    """An ENUM or a SET, changed to another value."""

    def fresh(rng: Random) -> str:
        return ",".join(one for one in values if rng.random() < 0.5) if kind == "SET" else rng.choice(values)

    listed = ", ".join(f"'{value}'" for value in values)
    return Column(name, f"{kind}({listed})", kind, fresh, lambda rng, value: fresh(rng), "", names.literal)


def document(name: str) -> Column:
    """A JSON document, changed in one of its values."""

    def fresh(rng: Random) -> str:
        return json.dumps({"n": rng.randint(0, 99), "s": "".join(rng.choices("Nab", k=3)), "l": [1, None, rng.random() < 0.5]})

    def nudge(rng: Random, value: str) -> str:
        held = json.loads(value)
        if not isinstance(held, dict):
            return fresh(rng)
        change = rng.choice([{"n": held["n"] + 1}, {"s": held["s"] + "N"}, {"l": [1, 0, held["l"][2]]}, {"more": None}])
        return json.dumps(held | change)

    return Column(name, "JSON", "document", fresh, nudge, '""', names.literal)


def shape(name: str) -> Column:
    """A geometry: a point or a line, one of whose coordinates changes in its last bits. Its value is a list of points."""

    def fresh(rng: Random) -> list[tuple[float, float]]:
        return [(rng.uniform(-90, 90), float(rng.randint(-9, 9))) for _ in range(rng.choice([1, 2, 3]))]

    def nudge(rng: Random, value: list[tuple[float, float]]) -> list[tuple[float, float]]:
        at = rng.randrange(len(value))
        (x, y) = value[at]
        return [*value[:at], rng.choice([(x + 1e-9, y), (x, y + 1), (y, x)]), *value[at + 1 :]]

    def sql(value: list[tuple[float, float]]) -> str:
        points = ", ".join(f"{x!r} {y!r}" for x, y in value)
        return f"ST_GeomFromText('{'POINT' if len(value) == 1 else 'LINESTRING'}({points})')"

    return Column(name, "GEOMETRY", "shape", fresh, nudge, [(0.0, 0.0)], sql)


def internet(name: str) -> Column:
    """MariaDB's INET6, changed in its last number."""

    def sql(value: int) -> str:
        return f"'::{value}'"

    return Column(name, "INET6", "internet", lambda rng: rng.randrange(1, 9999), lambda rng, value: value + 1, 0, sql)


def unique(name: str) -> Column:
    """MariaDB's UUID, changed in its last digit."""

    def sql(value: int) -> str:
        return f"'12345678-9abc-4def-8123-{value:012x}'"

    return Column(name, "UUID", "unique", lambda rng: rng.getrandbits(40), lambda rng, value: value ^ 1, 0, sql)


def columns_of(flavour: str) -> dict[str, list[Column]]:
    """Return the columns of each table of rows, by the table's name: together every type that the flavour has."""
    day, milli = datetime.timedelta(days=1), datetime.timedelta(milliseconds=1)
    second = datetime.timedelta(seconds=1)
    whole, micro = "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"
    few = [integer("i", "INT", -99, 99), text("s", "VARCHAR(12)", 6), octets("b", "VARBINARY(12)", 6), exact("d", 6, 2)]
    return {
        "numbers": [
            integer("tiny", "TINYINT", -128, 127), integer("flag", "BOOLEAN", 0, 1),
            integer("small", "SMALLINT UNSIGNED", 0, 65535),
            integer("medium", "MEDIUMINT", -8388608, 8388607), integer("plain", "INT", -(2**31), 2**31 - 1),
            integer("other", "INT", -99, 99), integer("big", "BIGINT UNSIGNED", 0, 2**64 - 1), exact("price", 30, 10),
            exact("tax", 8, 2), single("rough"), double("precise"), double("real_too"), bits("one", 1), bits("many", 33),
        ],
        "times": [
            moment("day", "DATE", day, "%Y-%m-%d", "date", "0000-00-00"),
            moment("other_day", "DATE", day, "%Y-%m-%d", "date", "0000-00-00"),
            moment("hour", "TIME(3)", milli, "%H:%M:%S.%f", "time", "00:00:00.000000"),
            moment("at", "DATETIME(6)", MICROSECOND, micro, "moment", "0000-00-00 00:00:00.000000"),
            moment("noted", "DATETIME", second, whole, "second", "0000-00-00 00:00:00"),
            moment("stamped", "TIMESTAMP(6) NULL", MICROSECOND, micro, "moment", "0000-00-00 00:00:00.000000"),
            moment("seconds", "TIMESTAMP NULL", second, whole, "second", "0000-00-00 00:00:00"), year("year"),
        ],
        "texts": [
            text("code", "CHAR(8)", 8), text("name", "VARCHAR(40)", 12), text("next_name", "VARCHAR(40)", 12),
            text("western", "VARCHAR(20) CHARACTER SET latin1", 10, letters="éîÿ", family="latin"),
            text("plain", "CHAR(6) CHARACTER SET ascii", 6, letters="", family="latin"),
            text("wide", "VARCHAR(20) CHARACTER SET utf16", 8), text("binary_order", "VARCHAR(20) COLLATE utf8mb4_bin", 10),
            text("brief", "TINYTEXT", 20), text("body", "TEXT", 60), text("long_body", "LONGTEXT", 30),
            text("western_body", "MEDIUMTEXT CHARACTER SET latin1", 30, letters="é", family="latin"),
            members("kind", "ENUM", ["", "a", "b", "N"]), members("flags", "SET", ["x", "y", "z"]),
        ],
        "octets": [
            octets("fixed", "BINARY(6)", 6, fixed=True), octets("some", "VARBINARY(20)", 12),
            octets("more", "VARBINARY(20)", 12),
            octets("tiny", "TINYBLOB", 12), octets("plain", "BLOB", 40), octets("medium", "MEDIUMBLOB", 30),
            octets("large", "LONGBLOB", 200),
        ],
        "documents": [document("said"), document("told"), shape("place"), shape("way"), text("beside", "VARCHAR(12)", 8)],
        "bare": few,
        "parted": few,
        "derived": [*few, integer("hidden", "INT NULL INVISIBLE", -99, 99)],
        "loose": few,
        "own": [internet("address"), unique("id_elsewhere"), *few] if flavour == "mariadb" else few,
    }  # fmt: skip
