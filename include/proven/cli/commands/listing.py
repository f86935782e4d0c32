"""List recovery points, newest first, with the newest verdict on each.

The list comes from the store alone: manifests and verdicts there are signed, and what has no manifest does not exist.
"""

from __future__ import annotations

import argparse
import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from include.proven import installation, progress
from include.proven.catalog import Catalog
from include.proven.cli import display
from include.proven.errors import IntegrityError
from include.proven.report import OUTCOME_STYLE

NAME = "list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database", nargs="?", help="only this database (default: every one of the fleet)")


def run(arguments: argparse.Namespace) -> int:
    """Print the list; return 1 if a recovery point's manifest can't be trusted."""
    opened = installation.open_installation()
    names = [arguments.database] if arguments.database else sorted(opened.fleet.databases)
    rows = [row for name in names for row in _rows(opened.catalog(name), name)]
    if arguments.json:
        display.print_json(rows)
    else:
        display.results.print(_table(rows) if rows else "no recovery points")
        for row in rows:
            if row["reason"]:
                display.results.print(f"{row['recovery_point']}: {row['reason']}", style="dim", markup=False, highlight=False)
    return 1 if any(row["verdict"] == "untrusted" for row in rows) else 0


def _rows(catalog: Catalog, database: str) -> list[dict[str, Any]]:
    return [_row(catalog, database, point) for point in reversed(catalog.recovery_points(database))]


def _row(catalog: Catalog, database: str, point: str) -> dict[str, Any]:
    try:
        manifest = catalog.manifest(database, point)
        verdicts = catalog.verdicts(database, point)
    except IntegrityError as error:
        return {"database": database, "recovery_point": point, "verdict": "untrusted", "reason": error.what}
    return {
        "database": database,
        "recovery_point": point,
        "snapshot_at": manifest.snapshot_at.isoformat(),
        "bytes": sum(artifact.bytes for artifact in manifest.artifacts),
        "verdict": verdicts[-1].outcome if verdicts else "not drilled",
        "reason": verdicts[-1].reason if verdicts else "",
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("database", "recovery point", "data age", "stored", "verdict"):
        table.add_column(title, no_wrap=True)
    now = datetime.datetime.now(datetime.UTC)
    for row in rows:
        taken = row.get("snapshot_at")
        age = progress.format_seconds((now - datetime.datetime.fromisoformat(taken)).total_seconds()) if taken else "?"
        stored = progress.format_bytes(row["bytes"]) if "bytes" in row else "?"
        verdict = Text(row["verdict"], OUTCOME_STYLE.get(row["verdict"], ""))
        table.add_row(row["database"], row["recovery_point"], age, stored, verdict)
    return table
