"""List the open pages: since when, who was told, on which routes they are pending and why, and who is at it.

The list comes from the stores alone, where every page and what became of it is recorded, signed. With --all it holds the pages
that are over, too. An exit status of 1 says that somebody has not been told yet, or that something can't be known.
"""

from __future__ import annotations

import argparse
import datetime

from rich.markup import escape

from include.proven import copies, installation, progress
from include.proven.cli import display
from include.proven.pages.ledger import EVER, StoreLedger
from include.proven.reports import page_list
from include.proven.reports.page_list import PageRow

NAME = "pages"
STYLE = {"critical": "bold red", "error": "red", "warning": "yellow", "info": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--all", action="store_true", help="those that are over, too")


def run(arguments: argparse.Namespace) -> int:
    """Print the list; return 1 if something is pending, or if a store or a record could not be read."""
    opened = installation.open_installation()
    found = StoreLedger(opened, copies.PATIENCE).survey(closed_since=EVER if arguments.all else None)
    now = datetime.datetime.now(datetime.UTC)
    # what is over stays here as long as somebody has not heard of that
    listed = page_list.tabulate(found, now)
    if arguments.json:
        display.print_json(listed.model_dump(mode="json", include={"pages", "faults"}))
    else:
        for row in listed.pages:
            _print(row, now)
        if not listed.pages:
            display.results.print("no page is open")
    for error in (*found.silent.values(), *found.faults):
        display.print_error(error)
    return 1 if listed.faults or listed.pending else 0


def _print(row: PageRow, now: datetime.datetime) -> None:
    age = progress.format_seconds((now - row.opened_at).total_seconds())
    style, since = STYLE[row.severity], f"since {row.opened_at:%Y-%m-%d %H:%M} UTC ({age})"
    who = f"{escape(row.acknowledged_by)} is at it" if row.acknowledged_by else "nobody has acknowledged it"
    lines = [
        f"[bold]{escape(row.page)}[/]  [{style}]{row.severity}[/]  {row.state}, {since}",
        f"  {escape(row.summary)}",
        f"  told {escape(', '.join(row.told) or 'nobody')}; {who}",
        *(f"  [bold red]pending[/] {escape(route)}: {escape(reason)}" for route, reason in row.pending.items()),
    ]
    for line in lines:
        display.results.print(line, highlight=False, soft_wrap=True)
