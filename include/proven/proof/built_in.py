"""The built-in checks: what each asks of the restored copy, and who judges what was seen.

A check is one entry below: the looks that the agent takes (`agent/inspect.py`) and a function that judges them. Every drill
asks all of them; one that has nothing to compare with says so in its `not_covered`, and passes without proving data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from include.proven.fleet.databases import Database
from include.proven.manifest import Manifest
from include.proven.proof import compare
from include.proven.proof.history import History
from include.proven.proof.verdict import Check


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a check is about."""

    manifest: Manifest
    """Of the recovery point that was restored: what was true on the source."""
    config: Database
    """The database in the fleet."""
    proven_before: Callable[[int], History]
    """Reads the last so many earlier recovery points of this database that a drill has proven."""


Seen = dict[str, Any]
"""What the agent saw of the copy, by the look's name."""


@dataclasses.dataclass(frozen=True)
class BuiltIn:
    """One built-in check."""

    looks: tuple[str, ...]
    """Names of what the agent takes: `protocol.InspectJob.take`. Empty: nothing of the copy is needed."""
    judge: Callable[[Subject, Seen], Check]
    """Given the subject and what was seen, return the answer. Its name is filled in by the caller."""


BUILT_IN: dict[str, BuiltIn] = {
    "fingerprint": BuiltIn(
        ("fingerprint",), lambda about, seen: compare.compare_fingerprints(about.manifest.fingerprint, seen["fingerprint"])
    ),
    "objects": BuiltIn(
        ("inventory",), lambda about, seen: compare.compare_inventories(about.manifest.inventory, seen["inventory"])
    ),
    "canary": BuiltIn(("canary",), lambda about, seen: compare.compare_canary(about.manifest.canary, seen["canary"])),
}
"""By name, in the order in which reports show them."""
