"""Compares two inventories (`agent/inventory.py`): is every object there, defined as it was?"""

from __future__ import annotations

from collections.abc import Iterator

from include.proven.manifest import Manifest
from include.proven.proof import definitions
from include.proven.proof.answers import answer, could_not_run, count
from include.proven.proof.verdict import Check

HINT = "Don't rely on this recovery point alone: recreate the named objects by hand; find out why the dump lacks them."
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
NO_DEFINITIONS = frozenset({"counters", "broken"})
"""Kinds of an inventory that define nothing: counters are compared in a way of their own, `references.py` knows the broken."""
SERVERS_OWN = frozenset({"accounts", "grants"})
"""Kinds of which a scratch server has some of its own: more of them than on the source is no fault."""
PASSING = frozenset({"passing_events"})
"""Kinds that may be gone by the time of the drill."""

Inventory = dict[str, dict[str, str]]


def expected_of(manifest: Manifest) -> Inventory:
    """Return the inventory that a copy of a recovery point must have.

    Of files, AUTO_INCREMENT is what the server has written: behind the last number in use. In its memory it may have been
    further, for numbers that a statement has reserved and not used: a restart of the source would have given them out as well.
    """
    if not manifest.of_files:
        return manifest.inventory
    sequences = manifest.inventory.get("sequences", {})
    counters = {name: least for name, least in manifest.inventory.get("counters", {}).items() if name in sequences}
    return {**manifest.inventory, "counters": counters}


def compare_inventories(source: Inventory, restored: Inventory) -> Check:
    """Given two inventories, say whether every object was restored as it was defined.

    A counter (AUTO_INCREMENT, sequence) may be further than on the source, never behind it.
    """
    kinds = [kind for kind in dict.fromkeys([*source, *restored]) if kind not in NO_DEFINITIONS]
    if not any(source.get(kind) for kind in kinds):
        return could_not_run("objects", "the source's inventory is empty", "Check the grants of the backup account.")
    differences = [line for kind in kinds for line in _kind(kind, source, restored)]
    differences += _counters(source, restored)
    counts = [count(len(source[kind]), NOUNS.get(kind, kind)) for kind in kinds if source.get(kind) and kind != "grants"]
    return answer("objects", differences, ", ".join(counts), HINT)


def _kind(kind: str, source: Inventory, copy: Inventory) -> Iterator[str]:
    wanted, found = source.get(kind, {}), copy.get(kind, {})
    for name in sorted({*wanted, *found}):
        noun = _noun(kind, wanted.get(name, ""))
        if name not in found:
            if not (kind in PASSING or (kind == "grants" and name not in copy.get("accounts", {name: ""}))):
                yield f"{noun} {name}: missing"
        elif name not in wanted:
            if kind not in SERVERS_OWN:
                yield f"{noun} {name}: not on the source, but restored"
        elif wanted[name] != found[name]:
            yield from (f"{noun} {name}: {line}" for line in definitions.describe(kind, wanted[name], found[name]))


def _noun(kind: str, definition: str) -> str:
    is_role = kind == "accounts" and definition.startswith("CREATE ROLE")
    return "role" if is_role else NOUNS.get(kind, kind)


def _counters(source: Inventory, copy: Inventory) -> Iterator[str]:
    """Yield what has counted less far than on the source. What is missing altogether was named already."""
    for name, least in sorted(source.get("counters", {}).items()):
        reached = int(copy.get("counters", {}).get(name, "1"))
        if reached < int(least) and (name in copy.get("tables", {}) or name in copy.get("sequences", {})):
            what = f"sequence {name}: its next value" if name in copy.get("sequences", {}) else f"table {name}: AUTO_INCREMENT"
            yield f"{what} is {reached}, and was {least} before the backup: numbers would be given out a second time"
