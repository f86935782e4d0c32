"""Show what retention keeps of a database, or of all that have one, and why; with --apply remove the rest.

`retention` in the fleet file says what is kept. Whatever it says, these stay: the last recovery points that a drill has
proven, the newest, the base of whatever stays, what is being drilled, restored or copied, what a store has locked, and what
can't be trusted. Nothing goes as long as nothing is proven. The DAG `retention__<database>` does the same every night.
"""

from __future__ import annotations

import argparse
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from include.proven import audit, installation
from include.proven.cli import display
from include.proven.errors import StoppedError
from include.proven.installation import Installation
from include.proven.progress import format_bytes
from include.proven.retention import planning, pruning
from include.proven.retention.planning import Plan
from include.proven.retention.pruning import Outcome

NAME = "prune"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database", nargs="?", help="default: all that have a `retention`")
    parser.add_argument("--apply", action="store_true", help="remove what the plan says")
    parser.add_argument("--even-most", action="store_true", help="though most of all recovery points go at once")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan of each database, and apply it if that is asked for. Return 1 if something could not be looked at."""
    opened = installation.open_installation()
    rows, faults = [], []
    for database in [arguments.database] if arguments.database else _with_retention(opened):
        plan = planning.make_plan(opened, database)
        faults += plan.faults
        if not arguments.json:
            _print_plan(plan)
        outcome = _apply(opened, plan, even_most=arguments.even_most) if arguments.apply else None
        rows.append(_document(plan, outcome))
        if outcome and not arguments.json:
            _print_outcome(database, outcome)
    if arguments.json:
        display.print_json(rows)
    elif not rows:
        display.results.print("no database of this fleet has a `retention`: nothing is ever deleted", markup=False)
    for fault in faults:
        display.print_error(fault)
    return 1 if faults else 0


def _with_retention(opened: Installation) -> list[str]:
    return sorted(name for name, database in opened.fleet.databases.items() if database.retention)


def _apply(opened: Installation, plan: Plan, *, even_most: bool) -> Outcome:
    try:
        return pruning.apply(opened, plan, asked_by=audit.operator(), even_most=even_most)
    except KeyboardInterrupt:
        hint = "No chain is broken. `./proven sweep` finds what was half removed; `./proven prune` removes the rest."
        raise StoppedError(f"prune {plan.database}: stopped before all was removed", hint=hint) from None


def _print_plan(plan: Plan) -> None:
    table = Table(plan.database, "in", "size", "proof", "stays because", box=box.SIMPLE_HEAD, pad_edge=False)
    for fate in reversed(plan.fates):
        why = "; ".join(fate.reasons) or "goes: nothing keeps it"
        cells = (fate.recovery_point, ", ".join(fate.held), format_bytes(fate.bytes), fate.proof, why)
        table.add_row(*(Text(cell, style="red" if fate.goes else "") for cell in cells))
    for column in table.columns:
        column.overflow = "fold"
    display.results.print(table)
    files = sum(len(some) for some in plan.logs.values())
    logs = f", and {files} binary logs that none of the others needs" if files else ""
    display.results.print(
        f"{len(plan.going)} of {len(plan.fates)} recovery points go{logs}: {format_bytes(plan.freed)}", highlight=False
    )


def _print_outcome(database: str, outcome: Outcome) -> None:
    for point in outcome.changed:
        display.print_warning(f"{database}: {point} has changed meanwhile, and stays")
    files = sum(len(some) for some in outcome.logs.values())
    logs = f" and {files} binary logs" if files else ""
    line = f"{database}: removed {len(outcome.points)} recovery points{logs}, freed {format_bytes(outcome.freed)}"
    display.results.print(line, highlight=False)


def _document(plan: Plan, outcome: Outcome | None) -> dict[str, Any]:
    return {
        "database": plan.database,
        "recovery_points": [
            {
                "recovery_point": fate.recovery_point,
                "stores": list(fate.held),
                "bytes": fate.bytes,
                "proof": fate.proof,
                "goes": fate.goes,
                "reasons": fate.reasons,
            }
            for fate in plan.fates
        ],
        "logs": [{"store": store, "log": log.folder, "bytes": log.bytes} for store, some in plan.logs.items() for log in some],
        "removed": sorted(outcome.points) if outcome else [],
        "freed": outcome.freed if outcome else 0,
        "faults": [{"what": fault.what, "detail": fault.detail, "hint": fault.hint} for fault in plan.faults],
    }
