"""Give a Swift store a new key for its pre-signed URLs (TempURL).

What was signed with the present key stays good until it expires; the key before that one ends at once. Rotate no more often
than `url_lifetime`, and not where another program signs with keys of the same account.
"""

from __future__ import annotations

import argparse

from include.proven import installation
from include.proven.cli import display
from include.proven.errors import ConfigError
from include.proven.stores.swift import SwiftStore

NAME = "rotate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("store", help="a Swift store of the fleet")


def run(arguments: argparse.Namespace) -> int:
    """Rotate the key."""
    opened = installation.open_installation()
    store = opened.store(arguments.store)
    if not isinstance(store, SwiftStore):
        raise ConfigError(f"store {arguments.store} has no key to rotate", hint="Only Swift's TempURLs have keys of their own.")
    store.rotate_key()
    if arguments.json:
        display.print_json({"store": arguments.store, "rotated": True})
    else:
        display.results.print(f"store {arguments.store} signs with a new key", highlight=False)
    return 0
