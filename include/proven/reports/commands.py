"""The audit trail for people: what agents ran for a backup and for each step and check of a drill."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from typing import NamedTuple

from include.proven.manifest import Command, LeftOut, Manifest
from include.proven.proof.verdict import Check, Step
from include.proven.reports.documents import Contents


class Trail(NamedTuple):
    """Commands that belong together."""

    title: str
    """`backup`, `step restore`, `check fingerprint`."""
    commands: list[Command]
    left_out: LeftOut | None


def of_backup(taken: Manifest | Contents) -> Trail:
    """Return what the backup ran that took a recovery point."""
    return Trail("backup", taken.commands, taken.commands_left_out)


def of_drill(steps: Sequence[Step], checks: Sequence[Check]) -> list[Trail]:
    """Return what each step and check of a drill ran, where it ran anything."""
    found = [Trail(f"step {step.name}", step.commands, step.commands_left_out) for step in steps]
    found += [Trail(f"check {check.name}", check.commands, check.commands_left_out) for check in checks]
    return [trail for trail in found if trail.commands]


def line(command: Command) -> str:
    """Return a command as it would be typed."""
    return shlex.join(command.argv)


def status(command: Command) -> str:
    """Return how a command ended: `0`, `1`, `SIGKILL`, `not known`."""
    if command.status is None:
        return "not known"
    if command.status >= 0:
        return str(command.status)
    known = {one.value for one in signal.Signals}
    return signal.Signals(-command.status).name if -command.status in known else f"signal {-command.status}"


def left_out(trail: Trail) -> str:
    """Return what is missing of a trail, as a sentence; empty where nothing is."""
    gap = trail.left_out
    return f"{gap.count:,} more were run in between; their digest is sha256 {gap.sha256}." if gap else ""
