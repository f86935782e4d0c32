"""Says in which part two definitions of one object differ: the column, the index, the partition, the privilege …"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Iterator

MOST_LINES = 6
"""Lines of a body's difference that are shown."""
MOST_CHARACTERS = 200
CONTEXT = 3
"""Words that are shown around those which differ."""

NAME = r"`(?:[^`]|``)*`"
ACCOUNT = rf"{NAME}(?:@{NAME})?"
TABLE_PARTS = (
    (re.compile(rf"(?P<name>{NAME}) "), "column"),
    (re.compile(r"PRIMARY KEY "), "primary key"),
    (re.compile(rf"(?:UNIQUE |FULLTEXT |SPATIAL |VECTOR )?(?:KEY|INDEX) (?P<name>{NAME})"), "index"),
    (re.compile(rf"CONSTRAINT (?P<name>{NAME}) FOREIGN KEY"), "foreign key"),
    (re.compile(rf"CONSTRAINT (?P<name>{NAME}) "), "constraint"),
    (re.compile(r"PERIOD FOR "), "period"),
    (re.compile(r"(?:/\*!\d+ )?PARTITION BY "), "partitioning"),
    (re.compile(rf"\(?SUBPARTITION (?P<name>{NAME}|\w+)"), "subpartition"),
    (re.compile(rf"\(?PARTITION (?P<name>{NAME}|\w+)"), "partition"),
)
"""How the lines of SHOW CREATE TABLE begin, and what they define."""
OPTION = re.compile(r"(\w+(?: \w+)*)=('(?:[^'\\]|\\.|'')*'|\S+)")
TRAILERS = {
    "views": ("character set", "collation"),
    "routines": ("sql_mode", "character set", "collation", "collation of the schema"),
    "triggers": ("place", "sql_mode", "character set", "collation", "collation of the schema"),
    "events": ("time zone", "sql_mode", "character set", "collation", "collation of the schema"),
    "passing_events": ("time zone", "sql_mode", "character set", "collation", "collation of the schema"),
}
"""What stands behind the text of each kind, a line each (`agent/inventory.py`)."""
DEFINER = re.compile(rf"DEFINER=({ACCOUNT})")
GRANT = re.compile(
    rf"(?P<verb>GRANT|REVOKE) (?P<what>.+?) ON (?P<object>(?:[A-Z]+ )*(?:\*|{NAME})\.(?:\*|{NAME}))"
    rf" (?:TO|FROM) (?:{ACCOUNT}|PUBLIC)(?P<rest>.*)"
)
ROLES = re.compile(rf"GRANT (?P<what>{ACCOUNT}(?:, ?{ACCOUNT})*) TO (?:{ACCOUNT}|PUBLIC)(?P<rest>.*)")
PRIVILEGE = re.compile(r"([^,(]+(?:\([^)]*\))?)(?:, ?|$)")


def describe(kind: str, source: str, copy: str) -> list[str]:
    """Given two definitions of one object that differ, return each difference in a few words.

    `index by_b: missing (KEY `by_b` (`b`))`, `column a: int(11) on the source, bigint(20) restored`, `lacks SELECT ON …`.
    """
    return list(DESCRIBE.get(kind, _describe_line)(kind, source, copy)) or [f"definition differs: {_lines(source, copy)}"]


def _describe_table(_: str, source: str, copy: str) -> Iterator[str]:
    ours, theirs = _table_parts(source), _table_parts(copy)
    yield from _parts(ours, theirs)
    columns = [[name for name in parts if name.startswith("column ")] for parts in (ours, theirs)]
    if columns[0] != columns[1] and sorted(columns[0]) == sorted(columns[1]):
        orders = [", ".join(name.removeprefix("column ") for name in order) for order in columns]
        yield f"order of columns: {_two(*orders)}"


def _table_parts(definition: str) -> dict[str, str]:
    """Return what a CREATE TABLE consists of: `column a` → its type and attributes, `ENGINE` → `InnoDB` …"""
    parts: dict[str, str] = {}
    for line in definition.split("\n")[1:]:
        text = line.strip()
        if text.startswith(") ") or text == ")":
            parts |= {match[1]: match[2] for match in OPTION.finditer(text)}
            parts["options"] = " ".join(OPTION.sub("", text.removeprefix(")")).split())
            continue
        text = text.removesuffix("*/").rstrip(" ,")
        for pattern, noun in TABLE_PARTS:
            if match := pattern.match(text):
                name = match.groupdict().get("name", "").strip("`")
                value = text[match.end() :] if noun in {"column", "partition", "subpartition"} else text
                if noun in {"partition", "subpartition"} and value.count(")") > value.count("("):
                    value = value[:-1]  # closes the list of all of them
                parts[f"{noun} {name}".strip()] = value.strip()
                break
        else:
            parts[text] = text
    return parts


def _describe_program(kind: str, source: str, copy: str) -> Iterator[str]:
    ours, theirs = _program_parts(kind, source), _program_parts(kind, copy)
    text, other = ours.pop("text"), theirs.pop("text")
    yield from _parts(ours, theirs)
    if text != other:
        yield f"definition differs: {_lines(text, other)}"


def _program_parts(kind: str, definition: str) -> dict[str, str]:
    """Return text, definer and what else belongs to a view, routine, trigger or event."""
    lines, trailers = definition.split("\n"), TRAILERS[kind]
    if len(lines) <= len(trailers):
        return {"text": definition}
    text = "\n".join(lines[: -len(trailers)])
    parts = dict(zip(trailers, lines[-len(trailers) :], strict=True))
    if definer := DEFINER.search(text):
        parts["definer"] = definer[1]
        text = text.replace(definer[0], "DEFINER", 1)
    return {**parts, "text": text}


def _describe_grants(_: str, source: str, copy: str) -> Iterator[str]:
    ours, theirs = _grants(source), _grants(copy)
    yield from (f"lacks {item}" for item in sorted(ours - theirs))
    yield from (f"has {item}, which it had not on the source" for item in sorted(theirs - ours))


def _grants(definition: str) -> set[str]:
    """Return each single privilege of each object, each role and each option: `INSERT (`a`) ON `shop`.`orders``."""
    items: set[str] = set()
    for line in definition.split("\n"):
        if match := GRANT.fullmatch(line):
            on = f" ON {match['object']}"
            taken = "revoked " if match["verb"] == "REVOKE" else ""
            items |= {f"{taken}{one.strip()}{on}" for one in PRIVILEGE.findall(match["what"])}
            items |= {f"{match['rest'].strip()}{on}"} if match["rest"].strip() else set()
        elif match := ROLES.fullmatch(line):
            items |= {f"role {role}{match['rest']}" for role in re.findall(ACCOUNT, match["what"])}
        else:
            items.add(line)
    return items


def _describe_line(_: str, source: str, copy: str) -> Iterator[str]:
    if "\n" not in source + copy:
        yield f"definition differs: {_two(source, copy)}"


def _parts(ours: dict[str, str], theirs: dict[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*ours, *theirs]):
        if name not in theirs:
            yield f"{name}: missing{_in_brackets(ours[name])}"
        elif name not in ours:
            yield f"{name}: not on the source{_in_brackets(theirs[name])}"
        elif ours[name] != theirs[name]:
            yield f"{name}: {_two(ours[name], theirs[name])}"


def _in_brackets(text: str) -> str:
    return f" ({text[:MOST_CHARACTERS]})" if text else ""


def _two(source: str, copy: str) -> str:
    """Return both texts; of long ones the words that differ."""
    if len(source) + len(copy) > MOST_CHARACTERS:
        source, copy = _differing_words(source, copy), _differing_words(copy, source)
    return f"{source or 'nothing'} on the source, {copy or 'nothing'} restored"


def _differing_words(text: str, other: str) -> str:
    words, others = text.split(" "), other.split(" ")
    first = _common(words, others)
    last = _common(words[first:][::-1], others[first:][::-1])
    begin, end = max(0, first - CONTEXT), min(len(words), len(words) - last + CONTEXT)
    shown = " ".join(words[begin:end])[:MOST_CHARACTERS]
    return f"{'… ' if begin else ''}{shown}{' …' if end < len(words) else ''}"


def _common(words: list[str], others: list[str]) -> int:
    """Return with how many words in common both begin."""
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(words, others, strict=False))))


def _lines(source: str, copy: str) -> str:
    """Return the changed lines of two texts, `- source` and `+ restored`, on one line."""
    found = difflib.unified_diff(source.splitlines(), copy.splitlines(), n=0, lineterm="")
    # the first two name files
    lines = [line for line in list(found)[2:] if line[0] in "-+"]
    shown = [f"{line[0]} {line[1:].strip()[:MOST_CHARACTERS]}" for line in lines[:MOST_LINES]]
    return " … ".join([*shown, f"and {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else shown)


DESCRIBE: dict[str, Callable[[str, str, str], Iterator[str]]] = {
    "tables": _describe_table,
    "grants": _describe_grants,
    **dict.fromkeys(TRAILERS, _describe_program),
}
"""By kind of the inventory; what is not here is one line."""
