"""Show one recovery point: what is in it, what its drills have seen."""

from __future__ import annotations

import argparse

from include.proven import installation, report
from include.proven.cli import display

NAME = "show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("recovery_point", nargs="?", default="latest", help="an id, or latest (default)")


def run(arguments: argparse.Namespace) -> int:
    """Print the recovery point's manifest and verdicts."""
    opened = installation.open_installation()
    opened.database(arguments.database)
    catalog = opened.catalog(arguments.database)
    point = catalog.choose(arguments.database, arguments.recovery_point)
    manifest = catalog.manifest(arguments.database, point)
    verdicts = catalog.verdicts(arguments.database, point)
    if arguments.json:
        said = [verdict.model_dump(mode="json") for verdict in verdicts]
        display.print_json({"manifest": manifest.model_dump(mode="json"), "verdicts": said})
    else:
        report.print_recovery_point(display.results, manifest)
        for verdict in verdicts:
            report.print_verdict(display.results, verdict)
    return 0
