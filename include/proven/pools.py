"""Airflow's pools: one for each sandbox of the fleet, that the `build` tasks of its drills take a slot of.

A slot is held by a task and not by a sandbox: that no more than `at_once` stand is the sandbox's own promise. The pool keeps
those that look for room from taking the workers of those that have found it (docs/decisions/0017-herds.md).
"""

from __future__ import annotations

from typing import TypedDict

from include.proven.fleet.model import Fleet


class Pool(TypedDict):
    """A pool as `airflow pools import` reads it."""

    slots: int
    description: str
    include_deferred: bool


def name_of(sandbox: str) -> str:
    """Return the name of a sandbox's pool."""
    return f"proven_{sandbox}"


def wanted(fleet: Fleet) -> dict[str, Pool]:
    """Return the pools of a fleet by name."""
    return {
        name_of(name): Pool(
            slots=sandbox.at_once, description=f"Proven: drills that are built in sandbox {name}", include_deferred=False
        )
        for name, sandbox in sorted(fleet.sandboxes.items())
    }
