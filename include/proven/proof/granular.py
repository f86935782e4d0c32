"""Are tables that were restored by themselves what their recovery point says? A drill's questions, of these only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from include.proven.agent import names
from include.proven.agent.jobs import Wanted
from include.proven.manifest import Manifest
from include.proven.proof.compare import compare_fingerprints
from include.proven.proof.objects import NOUNS, Inventory, compare_inventories, expected_of
from include.proven.proof.verdict import Check

SERVERS = frozenset({"accounts", "grants", "broken"})
"""Kinds of an inventory that are no part of what is restored."""


def compare(manifest: Manifest, wanted: Sequence[Wanted], seen: dict[str, Any]) -> list[Check]:
    """Given what an agent has seen of restored tables (`jobs.GranularJob`), answer `fingerprint` and `objects` of them.

    Of tables that were named, triggers are compared as far as there are any.
    """
    tables = {name: entry for name, entry in manifest.fingerprint["tables"].items() if _is_wanted("tables", name, wanted)}
    restored = seen["inventory"]
    for one in wanted:
        restored = _rename(restored, one)
    source = {
        kind: {name: text for name, text in defined.items() if _is_wanted(kind, name, wanted, restored.get(kind, {}))}
        for kind, defined in expected_of(manifest).items()
        if kind not in SERVERS
    }
    copy = {kind: defined for kind, defined in restored.items() if kind not in SERVERS}
    algorithm = manifest.fingerprint.get("algorithm")
    return [
        compare_fingerprints(
            {"algorithm": algorithm, "tables": tables}, {"algorithm": seen["algorithm"], "tables": seen["tables"]}
        ),
        compare_inventories(source, copy),
    ]


def new_faults(manifest: Manifest, wanted: Sequence[Wanted], seen: dict[str, Any]) -> list[str]:
    """Return what of the restored can't work and could on the source, each in a line: a definer that is not there."""
    known, inventory = manifest.inventory.get("broken", {}), seen["inventory"]
    nouns = {f"{NOUNS[kind]} {name}" for kind, defined in inventory.items() if kind in NOUNS for name in defined}
    return [f"{name}: {why}" for name, why in sorted(seen["broken"].items()) if name in nouns and name not in known]


def display_names(wanted: Sequence[Wanted]) -> list[str]:
    """Return what is wanted as the fingerprint names it: `shop.orders`, or `shop` where it is all of that."""
    return [name for one in wanted for name in _display(one)]


def _display(one: Wanted) -> Iterator[str]:
    if not one["tables"]:
        yield names.display(one["schema"])
    yield from (names.display(one["schema"], table) for table in one["tables"])


def _is_wanted(kind: str, name: str, wanted: Sequence[Wanted], restored: dict[str, str] | None = None) -> bool:
    for one in wanted:
        schema = names.display(one["schema"])
        if not one["tables"] and (name == schema if kind == "schemas" else name.startswith(f"{schema}.")):
            return True
        if one["tables"] and kind == "triggers" and name in (restored or {}):
            return True
        if name in _display(one) and kind in ("tables", "sequences", "counters"):
            return True
    return False


def _rename(inventory: Inventory, one: Wanted) -> Inventory:
    """Return an inventory as it would be, had the schema kept its name."""
    if one["into"] == one["schema"]:
        return inventory
    return {
        kind: {_renamed(name, one): text.replace(*_quoted(one)) for name, text in defined.items()}
        for kind, defined in inventory.items()
    }


def _renamed(name: str, one: Wanted) -> str:
    there, here = names.display(one["into"]), names.display(one["schema"])
    if name == there or name.startswith(f"{there}."):
        return here + name.removeprefix(there)
    return name


def _quoted(one: Wanted) -> tuple[str, str]:
    return f"{names.quote(one['into'])}.", f"{names.quote(one['schema'])}."
