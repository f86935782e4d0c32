"""List the open pages: since when, who was told, on which routes they are pending and why, and who is at it.

The list comes from the stores alone, where every page and what became of it is recorded, signed. With --all it holds the pages
that are over, too. An exit status of 1 says that somebody has not been told yet, or that something can't be known.
"""

from __future__ import annotations

import argparse
import datetime
from typing import Any

from rich.markup import escape

from include.proven import copies, installation, progress
from include.proven.cli import display
from include.proven.pages.incident import Found, Incident
from include.proven.pages.ledger import StoreLedger

NAME = "pages"
STYLE = {"critical": "bold red", "error": "red", "warning": "yellow", "info": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--all", action="store_true", help="those that are over, too")


def run(arguments: argparse.Namespace) -> int:
    """Print the list; return 1 if something is pending, or if a store or a record could not be read."""
    opened = installation.open_installation()
    found = StoreLedger(opened, copies.PATIENCE).survey(closed=arguments.all)
    now = datetime.datetime.now(datetime.UTC)
    # what is over stays here as long as somebody has not heard of that
    rows = [_row(incident, now) for incident in found.incidents]
    if arguments.json:
        display.print_json({"pages": rows, "faults": [error.what for error in _faults(found)]})
    else:
        for row in rows:
            _print(row, now)
        if not rows:
            display.results.print("no page is open")
    for error in _faults(found):
        display.print_error(error)
    return 1 if _faults(found) or any(row["pending"] for row in rows) else 0


def _faults(found: Found) -> list[Any]:
    return [*found.silent.values(), *found.faults]


def _row(incident: Incident, now: datetime.datetime) -> dict[str, Any]:
    page = incident.page
    missing = incident.unresolved(now) if incident.resolved else incident.lacking(now)
    return {
        "page": f"{page.database}/{page.key}",
        "incident": incident.id,
        "state": _state(incident),
        "severity": page.urgency,
        "opened_at": incident.opened_at.isoformat(),
        "noticed_at": incident.noticed_at.isoformat(),
        "summary": page.headline,
        "run": page.run_id,
        "next": page.next_command,
        "told": incident.told,
        "pending": {} if incident.closed or incident.gone_since else {route: why.reason for route, why in missing.items()},
        "acknowledged_by": incident.acknowledged_by,
    }


def _state(incident: Incident) -> str:
    if incident.closed:
        return "over"
    if incident.resolved:
        return "over, not everyone was told"
    return "settling" if incident.gone_since else "open"


def _print(row: dict[str, Any], now: datetime.datetime) -> None:
    opened = datetime.datetime.fromisoformat(row["opened_at"])
    age = progress.format_seconds((now - opened).total_seconds())
    style, since = STYLE[row["severity"]], f"since {opened:%Y-%m-%d %H:%M} UTC ({age})"
    who = f"{escape(row['acknowledged_by'])} is at it" if row["acknowledged_by"] else "nobody has acknowledged it"
    lines = [
        f"[bold]{escape(row['page'])}[/]  [{style}]{row['severity']}[/]  {row['state']}, {since}",
        f"  {escape(row['summary'])}",
        f"  told {escape(', '.join(row['told']) or 'nobody')}; {who}",
        *(f"  [bold red]pending[/] {escape(route)}: {escape(reason)}" for route, reason in row["pending"].items()),
    ]
    for line in lines:
        display.results.print(line, highlight=False, soft_wrap=True)
