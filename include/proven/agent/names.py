"""Names of schemas, tables and columns: how they go into SQL, and how a person reads them."""

from __future__ import annotations

import re

PLAIN = re.compile(r"\w+")


def quote(name: str) -> str:
    """Return a name as an identifier of SQL: in backticks."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Return a text as an SQL string. In hex, it means the same whatever sql_mode says about quotes and backslashes."""
    return f"CONVERT(0x{text.encode('utf-8', 'surrogateescape').hex()} USING utf8mb4)" if text else "''"


def literals(texts: list[str]) -> str:
    """Return texts as the list of an SQL `IN (…)`. The list must not be empty."""
    return ", ".join(literal(text) for text in texts)


def spell(value: str | None) -> str:
    """Given a name that the client has printed, return it. None can only be a name that is spelt `NULL`."""
    return "NULL" if value is None else value


def display(*path: str) -> str:
    """Given `shop`, `orders`, return `shop.orders`; names with other characters than letters, digits and `_` are quoted."""
    return ".".join(name if PLAIN.fullmatch(name) else quote(name) for name in path)
