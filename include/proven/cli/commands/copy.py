"""Copy recovery points, as they are, from one store to another.

Without a recovery point and a store: every store of the database gets what it lacks. Otherwise one recovery point goes to the
store that --to names, or to each of the database's stores that lacks it. An interrupted copy goes on where it was: what the
target holds is compared by checksum, and only the rest is sent. Verdicts stay where they are: each is about one copy.
"""

from __future__ import annotations

import argparse
import dataclasses

from include.proven import completing, copying, installation, progress
from include.proven.cli import display, picking
from include.proven.errors import StoppedError
from include.proven.installation import Installation

NAME = "copy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("recovery_point", nargs="?", help="an id, or latest (default with --from or --to)")
    parser.add_argument("--from", dest="source", metavar="STORE", default="", help="default: a store that holds it")
    parser.add_argument("--to", dest="target", metavar="STORE", default="", help="default: each store that lacks it")


def run(arguments: argparse.Namespace) -> int:
    """Copy and say what went."""
    opened = installation.open_installation()
    opened.database(arguments.database)
    try:
        with display.stages() as shown:
            if arguments.recovery_point or arguments.source or arguments.target:
                copied = _copy(opened, arguments, shown)
            else:
                copied = completing.complete(opened, arguments.database, on_progress=shown.show)
    except KeyboardInterrupt:
        raise StoppedError("stopped", hint="What was sent stays in the store: copy again, and it goes on from there.") from None
    if arguments.json:
        display.print_json([dataclasses.asdict(one) for one in copied])
    else:
        for one in copied:
            display.results.print(_line(one), highlight=False, soft_wrap=True)
        if not copied:
            display.results.print("nothing to copy: every store has all that it should")
    return 0


def _copy(opened: Installation, arguments: argparse.Namespace, shown: display.Stages) -> list[copying.Copied]:
    """Copy one recovery point to one store, or to all that lack it."""
    database = arguments.database
    for name in filter(None, (arguments.source, arguments.target)):
        opened.fleet.store(name)
    if arguments.source:
        point = opened.catalog(database, arguments.source).choose(database, arguments.recovery_point or "latest")
        source, held = arguments.source, [arguments.source]
    else:
        found = picking.survey(opened, database)
        point = found.pick(arguments.recovery_point or "latest")
        held = found.held[point]
        source = next((name for name in held if name != arguments.target), arguments.target)
    lacking = [name for name in opened.database(database).stores if name not in held]
    return [
        copying.copy_recovery_point(opened, database, point, source=source, target=target, on_progress=shown.show)
        for target in ([arguments.target] if arguments.target else lacking)
    ]


def _line(copied: copying.Copied) -> str:
    sent, held = progress.format_bytes(copied.sent_bytes), progress.format_bytes(copied.held_bytes)
    return f"copied {copied.recovery_point} from {copied.source} to {copied.target}: {sent} sent, {held} held already"
