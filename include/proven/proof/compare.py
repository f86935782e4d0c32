"""Compares what was true on the source with what the restored copy says, and names every difference as a DBA reads it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from include.proven.proof.verdict import Check

MOST_DIFFERENCES = 100
MOST_LINES = 6
"""Lines of a definition's difference that are shown."""

NOT_TRANSACTIONAL = frozenset({"myisam", "aria", "csv", "memory", "archive"})
FINGERPRINT_HINT = "Don't rely on this recovery point: compare the named tables on source and copy, and take a new backup."
OBJECTS_HINT = "Don't rely on this recovery point alone: recreate the named objects by hand; find out why the dump lacks them."
CANARY_HINT = "Other or older data than the manifest says: find out what was dumped and what was stored."

NOUNS = {
    "schemas": "schema",
    "tables": "table",
    "sequences": "sequence",
    "views": "view",
    "routines": "routine",
    "triggers": "trigger",
    "events": "event",
    "passing_events": "passing event",
    "accounts": "account",
    "grants": "grants of",
}
SERVERS_OWN = frozenset({"accounts", "grants"})
"""Kinds of which a scratch server has some of its own: more of them than on the source is no fault."""
PASSING = frozenset({"passing_events"})
"""Kinds that may be gone by the time of the drill."""

Fingerprint = dict[str, Any]
Inventory = dict[str, dict[str, str]]


def compare_fingerprints(source: Fingerprint, restored: Fingerprint) -> Check:
    """Given two fingerprints (`agent/fingerprint.py`), say whether every table has the same rows with the same values.

    No tables, or digests made in different ways, can't be compared: the answer is could-not-run.
    """
    tables, copies = source.get("tables", {}), restored.get("tables", {})
    if not tables:
        return _could_not_run("fingerprint", "no table was fingerprinted on the source", "Check `schemas` in the fleet file.")
    if source.get("algorithm") != restored.get("algorithm"):
        what = f"digests differ in kind: {source.get('algorithm')} on the source, {restored.get('algorithm')} restored"
        return _could_not_run("fingerprint", what, "Run the drill with the version of Proven that took the backup.")
    differences = [line for name in sorted({*tables, *copies}) for line in _table(name, tables.get(name), copies.get(name))]
    rows = sum(int(table["rows"]) for table in tables.values())
    return _answer(
        "fingerprint", differences, f"{_count(len(tables), 'table')}, {_count(rows, 'row')}", FINGERPRINT_HINT, data=True
    )


def compare_inventories(source: Inventory, restored: Inventory) -> Check:
    """Given two inventories (`agent/inventory.py`), say whether every object was restored as it was defined."""
    if not any(source.values()):
        return _could_not_run("objects", "the source's inventory is empty", "Check the grants of the backup account.")
    differences = [
        line
        for kind in [*source, *(kind for kind in restored if kind not in source)]
        for line in _kind(kind, source.get(kind, {}), restored.get(kind, {}))
    ]
    counts = [_count(len(names), NOUNS.get(kind, kind)) for kind, names in source.items() if names and kind != "grants"]
    return _answer("objects", differences, ", ".join(counts), OBJECTS_HINT)


def compare_canary(canary: dict[str, Any] | None, restored: dict[str, Any] | None) -> Check:
    """Given the canary in the manifest and what `agent/canary.py` read from the copy, say whether they are the same row.

    Without a canary in the manifest (it is switched off) nothing can be asked: could-not-run is for the verdict to explain.
    """
    if canary is None:
        return _could_not_run("canary", "switched off for this database", "Set `canary: true` to have identity and age proven.")
    expected = [canary["recovery_point"], canary["written_at"]]
    if restored is None:
        return _answer("canary", ["canary: missing from the restored copy"], "no canary", CANARY_HINT)
    if expected in [list(row) for row in restored.get("rows", [[restored["recovery_point"], restored["written_at"]]])]:
        return _answer("canary", [], f"{expected[0]}, written {expected[1]}", "")
    found = f"{restored['recovery_point']}, written {restored['written_at']}"
    difference = f"canary: {expected[0]}, written {expected[1]}, was not restored; the newest restored is {found}"
    return _answer("canary", [difference], f"found {found}", CANARY_HINT)


def _table(name: str, source: dict[str, Any] | None, copy: dict[str, Any] | None) -> Iterator[str]:
    if copy is None or source is None:
        yield f"table {name}: missing" if copy is None else f"table {name}: not on the source, but restored"
    elif source["rows"] != copy["rows"]:
        yield f"table {name}: {_count(source['rows'], 'row')} on the source, {copy['rows']:,} restored{_remark(source)}"
    elif source["digest"] != copy["digest"]:
        yield f"table {name}: {_count(source['rows'], 'row')} on both, but values differ{_remark(source)}"


def _remark(table: dict[str, Any]) -> str:
    engine = str(table.get("engine", ""))
    return f" ({engine}: not in the snapshot; written during the backup?)" if engine.lower() in NOT_TRANSACTIONAL else ""


def _kind(kind: str, source: dict[str, str], copy: dict[str, str]) -> Iterator[str]:
    noun = NOUNS.get(kind, kind)
    for name in sorted({*source, *copy}):
        if name not in copy:
            if kind not in PASSING:
                yield f"{noun} {name}: missing"
        elif name not in source:
            if kind not in SERVERS_OWN:
                yield f"{noun} {name}: not on the source, but restored"
        elif source[name] != copy[name]:
            yield f"{noun} {name}: definition differs: {_difference(source[name], copy[name])}"


def _difference(source: str, copy: str) -> str:
    """Return the changed lines of two definitions, `- source` and `+ restored`, on one line."""
    # the last column of a table has no comma: its neighbour's removal is no change of it
    lines = _changed_lines(source.replace(",\n", "\n"), copy.replace(",\n", "\n")) or _changed_lines(source, copy)
    shown = [f"{line[0]} {line[1:].strip()[:200]}" for line in lines[:MOST_LINES]]
    return " … ".join([*shown, f"and {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else shown)


def _changed_lines(source: str, copy: str) -> list[str]:
    lines = difflib.unified_diff(source.splitlines(), copy.splitlines(), n=0, lineterm="")
    # the first two name files
    return [line for line in list(lines)[2:] if line[0] in "-+"]


def _answer(name: str, differences: list[str], figure: str, hint: str, *, data: bool = False) -> Check:
    if not differences:
        return Check(name=name, outcome="pass", proves_data=data, figure=figure)
    shown = differences[:MOST_DIFFERENCES]
    if len(differences) > MOST_DIFFERENCES:
        shown[-1] = f"… and {len(differences) - MOST_DIFFERENCES + 1:,} more differences"
    figure = f"{_count(len(differences), 'difference')} in {figure}"
    return Check(name=name, outcome="fail", proves_data=data, figure=figure, hint=hint, differences=shown)


def _could_not_run(name: str, figure: str, hint: str) -> Check:
    return Check(name=name, outcome="could-not-run", figure=figure, hint=hint)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
