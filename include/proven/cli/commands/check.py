"""Check the fleet file, and what it names, and report every fault at once.

Without --live only the file is read. With --live every connection is resolved, every key is tried and every store is
written to and read from.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib

from rich.markup import escape

from include.proven.cli import display
from include.proven.fleet import check

NAME = "check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("fleet", nargs="?", type=pathlib.Path, help="fleet file (default: $PROVEN_FLEET or include/fleet.yaml)")
    parser.add_argument("--live", action="store_true", help="also try connections, keys and stores")


def run(arguments: argparse.Namespace) -> int:
    """Print every fault; return 0 if there is none."""
    faults = check.check(arguments.fleet, live=arguments.live)
    if arguments.json:
        display.print_json([dataclasses.asdict(fault) for fault in faults])
    else:
        for fault in faults:
            display.results.print(escape(str(fault)), highlight=False)
        counted = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        display.results.print(f"[red]{counted}[/]" if faults else "[green]no faults[/]")
    return 2 if faults else 0
