"""Parse the command line, run the command, turn errors into one clear message and an exit status.

Exit status: 0 proven or done · 1 refuted or failed · 2 could not be tried (bad arguments and bad configuration included) ·
3 done, but a copy or a record of it is missing.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import rich_argparse

import include.proven
from include.proven.cli import display
from include.proven.cli.commands import COMMANDS, load
from include.proven.demo import environment
from include.proven.errors import ConfigError, ProvenError

DONE, FAILED, NOT_TRIED = 0, 1, 2

EPILOG = "Exit status: 0 proven or done, 1 refuted or failed, 2 could not be tried, 3 done, but a copy or record is missing."


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """Return the parser of every command, or of one."""
    parser = argparse.ArgumentParser(
        prog="proven",
        description="Backups of MySQL and MariaDB that are restored and checked, every one of them.",
        epilog=EPILOG,
        formatter_class=rich_argparse.RichHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"proven {include.proven.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name in [only] if only else COMMANDS:
        command = load(name)
        text = (command.__doc__ or "").strip()
        added = commands.add_parser(
            name,
            help=text.splitlines()[0].rstrip("."),
            description=text,
            epilog=EPILOG,
            formatter_class=rich_argparse.RawDescriptionRichHelpFormatter,
        )
        added.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        command.add_arguments(added)
        added.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = build_parser(words[0] if words and words[0] in COMMANDS else "").parse_args(words)
    environment.adopt()
    # a command that is terminated, or whose terminal is closed, cleans up as an interrupted one does
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        status: int = arguments.run(arguments)
    except ProvenError as error:
        _say(error, as_json=arguments.json)
        return NOT_TRIED if isinstance(error, ConfigError) else FAILED
    except KeyboardInterrupt:
        display.errors.print("stopped; nothing half-made was left behind")
        return FAILED
    return status


def _say(error: ProvenError, *, as_json: bool) -> None:
    if as_json:
        said = {"kind": error.kind, "what": error.what, "detail": error.detail, "hint": error.hint}
        json.dump({"error": said}, sys.stdout)
        sys.stdout.write("\n")
    display.print_error(error)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
