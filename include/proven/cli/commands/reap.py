"""Destroy the sandboxes that nobody needs any more, and remove what crashes have left in the stores.

A sandbox goes when it has expired (`lifetime`), when its drill had its verdict more than 15 minutes ago and it was not kept on
purpose, or when it is half built, older than an hour and of no drill that is known. The DAG `reaper` does the same every hour.
Contacts are paged about what comes back or can't be destroyed. *Saved* is what a sandbox would have cost from now until it
expires, at the fleet's `prices`.
"""

from __future__ import annotations

import argparse
import datetime
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from include.proven import audit, installation, progress, reaper_pages, reaping
from include.proven.cli import display
from include.proven.reaping import Fate, Reaped

NAME = "reap"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be destroyed and removed")


def run(arguments: argparse.Namespace) -> int:
    """Reap and print what became of each sandbox and leftover. Return 1 if a cloud or store did not let us."""
    opened = installation.open_installation()
    now = datetime.datetime.now(datetime.UTC)
    pager = reaper_pages.Pager(f"{audit.operator()} {now:%Y-%m-%dT%H:%M:%SZ}")
    reaped = reaping.reap(opened, pager, dry_run=arguments.dry_run)
    if arguments.json:
        display.print_json(_document(reaped))
    else:
        _print(reaped, dry_run=arguments.dry_run)
    faults = [*reaped.faults, *(fate.error for fate in reaped.fates if fate.error)]
    for fault in faults:
        display.print_error(fault)
    return 1 if faults else 0


def _print(reaped: Reaped, *, dry_run: bool) -> None:
    if reaped.fates:
        table = Table("sandbox", "of", "age", "size", "saved", "what became of it", box=box.SIMPLE_HEAD, pad_edge=False)
        for fate in reaped.fates:
            table.add_row(*(Text(cell) for cell in _row(fate)))
        display.results.print(table)
    else:
        display.results.print("no sandbox stands")
    for leftover, removed in reaped.leftovers:
        left = "would be removed" if dry_run and leftover.state == "left" else leftover.state
        line = f"{leftover.store}: {leftover.folder}: {leftover.objects} objects, {leftover.uploads} open uploads: "
        display.results.print(line + (f"removed {removed}" if removed else left), highlight=False, markup=False, soft_wrap=True)
    if reaped.saved:
        display.results.print(f"saved {reaped.saved:.2f}", highlight=False)


def _row(fate: Fate) -> tuple[str, ...]:
    saved = "" if fate.saved is None or fate.outcome == "stands" else f"{fate.saved:.2f}"
    back = ", and had come back" if fate.destroyed_before else ""
    age = progress.format_seconds(fate.age_seconds)
    owner = f"{fate.found.database or '?'} in {fate.sandbox}"
    return fate.found.name, owner, age, fate.found.size, saved, f"{fate.outcome}{back}: {fate.reason}"


def _document(reaped: Reaped) -> dict[str, Any]:
    return {
        "sandboxes": [
            {
                "name": fate.found.name,
                "sandbox": fate.sandbox,
                "database": fate.found.database,
                "drill": fate.found.drill,
                "size": fate.found.size,
                "age_seconds": fate.age_seconds,
                "outcome": fate.outcome,
                "reason": fate.reason,
                "saved": fate.saved,
                "destroyed_before": fate.destroyed_before,
            }
            for fate in reaped.fates
        ],
        "leftovers": [
            {"store": leftover.store, "folder": leftover.folder, "state": leftover.state, "removed": removed}
            for leftover, removed in reaped.leftovers
        ],
        "saved": reaped.saved,
        "faults": [{"what": fault.what, "detail": fault.detail, "hint": fault.hint} for fault in reaped.faults],
    }
