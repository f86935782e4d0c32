"""Ship a database's binary log to its stores as the server writes it, here, without Airflow: any second can be restored then.

It goes on until ^C, or for the time that is given, and begins where the last one ended, whatever ended it. A line for each
piece says what was shipped and to which moment, by the source's clock, the stores are complete. Status 3: a store lacks pieces.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from typing import Any

from include.proven import installation, progress
from include.proven.binlogs import streaming
from include.proven.binlogs.streaming import Streamed
from include.proven.catalog.binlogs import Segment
from include.proven.cli import display
from include.proven.fleet.fields import parse_duration

NAME = "stream"
STORE_LACKS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("--for", dest="seconds", type=_seconds, default=0.0, metavar="10m", help="end after that time")


def run(arguments: argparse.Namespace) -> int:
    """Stream; return 3 if a store was left behind."""
    opened = installation.open_installation()
    opened.database(arguments.database)
    on_piece = None if arguments.json else _print_piece
    streamed = streaming.stream(opened, arguments.database, seconds=arguments.seconds, on_piece=on_piece)
    if arguments.json:
        display.print_json(_document(streamed))
    if streamed.skipped:
        display.print_warning(f"purged before it was shipped: {', '.join(streamed.skipped)}; there is a gap")
    for name, error in streamed.failed.items():
        display.print_warning(f"store {name} lacks pieces")
        display.print_error(error)
    return STORE_LACKS if streamed.failed else 0


def _seconds(text: str) -> float:
    """Given `10m` or `45s`, return seconds. Raise argparse's error."""
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return found.total_seconds() if isinstance(found, datetime.timedelta) else 0.0


def _print_piece(piece: Segment) -> None:
    """Print a piece, in one line, as soon as it exists."""
    lag = (datetime.datetime.now(datetime.UTC) - piece.complete_to).total_seconds()
    size = progress.format_bytes(piece.end - piece.start)
    complete = f"complete to {piece.complete_to:%Y-%m-%d %H:%M:%S} UTC ({progress.format_seconds(max(lag, 0.0))} ago)"
    sys.stdout.write(f"{piece.file} {piece.start}-{piece.end} ({size}), {complete}\n")
    sys.stdout.flush()


def _document(streamed: Streamed) -> dict[str, Any]:
    newest = streamed.newest
    return {
        "pieces": streamed.pieces,
        "bytes": streamed.bytes,
        "newest": newest.model_dump(mode="json", exclude={"artifact"}) if newest else None,
        "skipped": streamed.skipped,
        "failed": {name: error.what for name, error in streamed.failed.items()},
    }
