"""Find what crashes have left in the stores, and remove it with --remove.

Listed are recovery points without a manifest and uploads that were never finished. One that was touched within the time that
a backup of its database may take (`backup_time_limit`) may be under way and is never removed; nor is what belongs to no
database of the fleet.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
from typing import Any

from include.proven import installation, progress, sweeping
from include.proven.cli import display
from include.proven.sweeping import Leftover

NAME = "sweep"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--store", help="only this store (default: every one of the fleet)")
    parser.add_argument("--remove", action="store_true", help="remove what is left of crashes")


def run(arguments: argparse.Namespace) -> int:
    """List leftovers, and remove them if that is asked for. Return 1 if some are left that could be removed."""
    opened = installation.open_installation()
    rows = []
    for leftover in sweeping.find_all(opened, [arguments.store] if arguments.store else sorted(opened.fleet.stores)):
        removed = sweeping.remove(opened, leftover) if arguments.remove and leftover.state == "left" else 0
        rows.append(_row(leftover, removed))
        if not arguments.json:
            display.results.print(_line(leftover, removed), highlight=False, markup=False, soft_wrap=True)
    if arguments.json:
        display.print_json(rows)
    elif not rows:
        display.results.print("nothing was left behind")
    return 1 if any(row["state"] == "left" and not row["removed"] for row in rows) else 0


def _row(leftover: Leftover, removed: int) -> dict[str, Any]:
    touched = leftover.touched_at.isoformat() if leftover.touched_at else None
    return {**dataclasses.asdict(leftover), "touched_at": touched, "removed": removed}


def _line(leftover: Leftover, removed: int) -> str:
    held = ", ".join(
        f"{count} {noun}{'s' if count > 1 else ''}"
        for count, noun in ((leftover.objects, "object"), (leftover.uploads, "open upload"))
        if count
    )
    age = ""
    if leftover.touched_at:
        silent = (datetime.datetime.now(datetime.UTC) - leftover.touched_at).total_seconds()
        age = f", silent for {progress.format_seconds(silent)}"
    said = {"left": "left by a crash", "under way": "may be under way", "unknown": "of no database of this fleet"}
    fate = f"removed {removed}" if removed else said[leftover.state]
    return f"{leftover.store}: {leftover.folder}: {held}{age}: {fate}"
