"""List recovery points, newest first, with the stores that hold each and the newest verdict on it.

The list comes from the stores alone: manifests and verdicts there are signed, and what has no manifest does not exist. A store
that gives no answer is named, and the others are listed.
"""

from __future__ import annotations

import argparse
import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from include.proven import installation, progress
from include.proven.cli import display, picking
from include.proven.errors import IntegrityError
from include.proven.proof.verdict import Verdict
from include.proven.reports.terminal import OUTCOME_STYLE

NAME = "list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database", nargs="?", help="only this database (default: every one of the fleet)")


def run(arguments: argparse.Namespace) -> int:
    """Print the list; return 1 if a recovery point's manifest can't be trusted."""
    opened = installation.open_installation()
    names = [arguments.database] if arguments.database else sorted(opened.fleet.databases)
    rows = [row for name in names for row in _rows(opened, name)]
    if arguments.json:
        display.print_json(rows)
    else:
        display.results.print(_table(rows) if rows else "no recovery points")
        for row in rows:
            if row["reason"]:
                display.results.print(f"{row['recovery_point']}: {row['reason']}", style="dim", markup=False, highlight=False)
    return 1 if any(row["verdict"] == "untrusted" for row in rows) else 0


def _rows(opened: installation.Installation, database: str) -> list[dict[str, Any]]:
    found = picking.survey(opened, database)
    return [_row(opened, database, point, stores) for point, stores in reversed(found.held.items())]


def _row(opened: installation.Installation, database: str, point: str, stores: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"database": database, "recovery_point": point, "stores": stores}
    verdicts: list[Verdict] = []
    for store in stores:
        catalog = opened.catalog(database, store)
        try:
            manifest = catalog.manifest(database, point)
            verdicts += catalog.verdicts(database, point)
        except IntegrityError as error:
            return row | {"verdict": "untrusted", "verdict_store": store, "reason": f"store {store}: {error.what}"}
    newest = max(verdicts, key=lambda verdict: verdict.drill, default=None)
    return row | {
        "snapshot_at": manifest.snapshot_at.isoformat(),
        "bytes": sum(artifact.bytes for artifact in manifest.artifacts),
        "reused_bytes": sum(artifact.bytes for artifact in manifest.reused),
        "verdict": newest.outcome if newest else "not drilled",
        "verdict_store": newest.store if newest else "",
        "reason": newest.reason if newest else "",
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("database", "recovery point", "data age", "stored", "in", "verdict"):
        table.add_column(title, no_wrap=True)
    now = datetime.datetime.now(datetime.UTC)
    for row in rows:
        taken = row.get("snapshot_at")
        age = progress.format_seconds((now - datetime.datetime.fromisoformat(taken)).total_seconds()) if taken else "?"
        stored = progress.format_bytes(row["bytes"]) if "bytes" in row else "?"
        verdict = Text(row["verdict"], OUTCOME_STYLE.get(row["verdict"], ""))
        if row["verdict_store"]:
            verdict.append(f" from {row['verdict_store']}", "dim")
        table.add_row(row["database"], row["recovery_point"], age, stored, ", ".join(row["stores"]), verdict)
    return table
