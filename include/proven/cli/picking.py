"""What the commands share that act on one recovery point: its name, its store, and which stores gave no answer."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from include.proven import copies
from include.proven.cli import display
from include.proven.errors import ProvenError
from include.proven.installation import Installation


def add_store(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option --store. `default` says which one is taken without it."""
    parser.add_argument("--store", default=copies.ANY, metavar="NAME", help=f"a store of the database (default: {default})")


def survey(opened: Installation, database: str, store: str = copies.ANY) -> copies.Copies:
    """Return what the stores of a database hold, or one of them, and warn of each that gives no answer."""
    found = copies.survey(opened, database, store)
    warn_of_silence(found.silent)
    return found


def warn_of_silence(silent: Mapping[str, ProvenError]) -> None:
    """Warn of each store that gave no answer."""
    for name, error in silent.items():
        display.print_warning(f"store {name} gives no answer: {error.what}")
