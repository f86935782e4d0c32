"""Report on a drill, or on the whole fleet over the last weeks, for a person who was not there.

With a database, the report of its newest drill (or of a recovery point's, or of the one that is named); without, of every
database: what was promised, what was drilled, what is proven. It is drawn from the stores alone, every signature verified.
--html writes it as one document that stands alone, for an auditor as for a DBA.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from include.proven import copies, installation
from include.proven.cli import display, picking
from include.proven.errors import ConfigError
from include.proven.reports import gathering, html, period_gathering, terminal

NAME = "report"
STANDARD_OUTPUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database", nargs="?", help="report on one drill of this database (default: on the whole fleet)")
    parser.add_argument("recovery_point", nargs="?", default="", help="an id (default: that of the newest drill)")
    parser.add_argument("--drill", default="", metavar="ID", help="the drill of that id (default: the newest)")
    picking.add_store(parser, "all of them")
    days = period_gathering.DAYS
    parser.add_argument("--days", type=_number_of_days, default=days, help="how far back, of the fleet (default: %(default)s)")
    parser.add_argument("--html", metavar="FILE", help="write one HTML document that stands alone; - is standard output")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the report; return 1 if a record of the fleet could not be read or trusted."""
    opened = installation.open_installation()
    return _report_drill(opened, arguments) if arguments.database else _report_fleet(opened, arguments)


def _report_drill(opened: installation.Installation, arguments: argparse.Namespace) -> int:
    database = arguments.database
    opened.database(database)
    chosen = gathering.choose(
        opened, database, recovery_point=arguments.recovery_point, drill=arguments.drill, store=arguments.store
    )
    picking.warn_of_silence(chosen.silent)
    document = gathering.draw(opened, database, chosen.recovery_point, chosen.drill, chosen.store, chosen.folder)
    if arguments.html:
        _write(arguments.html, html.render_drill(document))
    elif arguments.json:
        display.print_json(document.model_dump(mode="json"))
    else:
        terminal.print_document(display.results, document)
    return 0


def _report_fleet(opened: installation.Installation, arguments: argparse.Namespace) -> int:
    if arguments.store != copies.ANY or arguments.drill:
        raise ConfigError("--store and --drill go with a database", hint="`./proven report DATABASE` is about one drill.")
    document = period_gathering.draw(opened, days=arguments.days)
    if arguments.html:
        _write(arguments.html, html.render_period(document))
    elif arguments.json:
        display.print_json(document.model_dump(mode="json"))
    else:
        terminal.print_period(display.results, document)
    return 1 if any(line.problems for line in document.databases) else 0


def _write(target: str, text: str) -> None:
    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        pathlib.Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"report: can't write {target}", detail=str(error), hint="Name a file that can be written."
        ) from error


def _number_of_days(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
