"""Show one recovery point: what is in it, which stores hold it, what its drills have seen."""

from __future__ import annotations

import argparse

from include.proven import installation
from include.proven.cli import display, picking
from include.proven.reports import terminal

NAME = "show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("recovery_point", nargs="?", default="latest", help="an id, or latest (default)")
    picking.add_store(parser, "all of them")


def run(arguments: argparse.Namespace) -> int:
    """Print the recovery point's manifest and verdicts."""
    opened = installation.open_installation()
    opened.database(arguments.database)
    found = picking.survey(opened, arguments.database, arguments.store)
    point = found.pick(arguments.recovery_point)
    stores = found.held[point]
    catalogs = [opened.catalog(arguments.database, store) for store in stores]
    manifest = catalogs[0].manifest(arguments.database, point)
    verdicts = [verdict for one in catalogs for verdict in one.verdicts(arguments.database, point)]
    verdicts.sort(key=lambda verdict: verdict.drill)
    if arguments.json:
        said = [verdict.model_dump(mode="json") for verdict in verdicts]
        display.print_json({"manifest": manifest.model_dump(mode="json"), "stores": stores, "verdicts": said})
    else:
        terminal.print_recovery_point(display.results, manifest, stores)
        for verdict in verdicts:
            terminal.print_verdict(display.results, verdict)
    return 0
