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
from include.proven.proof import compare, drift, engine_checks, environment, freshness, identity, objects
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
    """Names of what the agent takes: `looks.InspectJob.take`. Empty: nothing of the copy is needed."""
    judge: Callable[[Subject, Seen], Check]
    """Given the subject and what was seen, return the answer. Its name is filled in by the caller."""


BUILT_IN: dict[str, BuiltIn] = {
    "fingerprint": BuiltIn(
        ("fingerprint",), lambda about, seen: compare.compare_fingerprints(about.manifest.fingerprint, seen["fingerprint"])
    ),
    "objects": BuiltIn(
        ("inventory",), lambda about, seen: objects.compare_inventories(objects.expected_of(about.manifest), seen["inventory"])
    ),
    "references": BuiltIn(
        ("references",), lambda about, seen: engine_checks.judge_references(about.manifest.inventory, seen["references"])
    ),
    "tables": BuiltIn(
        ("tables", "server_log"),
        lambda about, seen: engine_checks.judge_tables(
            seen["tables"], seen["server_log"], about.config.proof.table_check_time_limit.total_seconds()
        ),
    ),
    "server log": BuiltIn(
        ("server_log",),
        lambda about, seen: engine_checks.judge_server_log(seen["server_log"], recovers=about.manifest.method == "snapshot"),
    ),
    "environment": BuiltIn(("server",), lambda about, seen: environment.compare_servers(about.manifest.server, seen["server"])),
    "canary": BuiltIn(("canary",), lambda about, seen: compare.compare_canary(about.manifest.canary, seen["canary"])),
    "identity": BuiltIn(
        ("canary",),
        lambda about, seen: identity.judge(about.manifest, about.config, about.proven_before(1), seen["canary"]),
    ),
    "freshness": BuiltIn((), lambda about, _: freshness.judge(about.manifest, about.config)),
    "drift": BuiltIn((), lambda about, _: drift.judge(about.manifest, about.config, about.proven_before)),
}
"""By name, in the order in which reports show them."""

OF_ANY_MOMENT = ("tables", "server log", "environment")
"""Those that ask nothing of what a recovery point held: where a moment was reached of which there is none, they are asked."""
AT_LENGTH = ("fingerprint", "tables")
"""Those that read every row, which may take hours: each is asked by itself."""
TOGETHER: dict[str, tuple[str, ...]] = {
    "definitions and identity": tuple(name for name in BUILT_IN if name not in AT_LENGTH),
    **{name: (name,) for name in AT_LENGTH},
}
"""Which checks one look at the copy answers, by the name that Airflow shows."""
