"""Fetch a recovery point, as it is, into a folder: all that a restore by hand needs.

The folder gets the encrypted artifacts, the manifest and its signature; docs/store-format.md says how to restore them with gpg,
zstd and a client, without Proven and without the store. An interrupted fetch goes on where it was. Nothing is overwritten.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib

from include.proven import copying, installation, progress
from include.proven.cli import display, picking
from include.proven.errors import StoppedError

NAME = "fetch"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("recovery_point", nargs="?", default="latest", help="an id, or latest (default)")
    parser.add_argument("--to", required=True, metavar="FOLDER", type=pathlib.Path, help="made if it does not exist")
    picking.add_store(parser, "the first that has it")


def run(arguments: argparse.Namespace) -> int:
    """Fetch and say what came."""
    opened = installation.open_installation()
    found = picking.survey(opened, arguments.database, arguments.store)
    point = found.pick(arguments.recovery_point)
    try:
        with display.stages() as shown:
            fetched = copying.fetch_recovery_point(
                opened, arguments.database, point, arguments.to, store=found.held[point][0], on_progress=shown.show
            )
    except KeyboardInterrupt:
        hint = "What was fetched stays in the folder: fetch again, and it goes on from there."
        raise StoppedError("stopped", hint=hint) from None
    if arguments.json:
        display.print_json(dataclasses.asdict(fetched))
    else:
        came, held = progress.format_bytes(fetched.fetched_bytes), progress.format_bytes(fetched.held_bytes)
        said = f"fetched {point} from {fetched.store} to {arguments.to}: {came} came, {held} was there already"
        display.results.print(said, highlight=False, markup=False, soft_wrap=True)
    return 0
