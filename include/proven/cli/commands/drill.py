"""Restore a recovery point in a sandbox, check it, and say what was seen.

The verdict is stored, signed, beside the recovery point in the store that it was restored from, as a drill by Airflow does.

With --point-in-time the way to it is drilled, not its copy: an older recovery point, drawn at random, is restored, the binary
log replayed to a random second, which is looked at, then up to where the younger one stood, and the younger one's checks are
asked. Without an id that one is drawn, too. --point-in-time "2026-11-21 13:37:00" (UTC, unless it names an offset) takes that
second, from the newest recovery point before it and on to the oldest one behind it; without one behind it nothing says what
must be there, and the verdict is unproven.
"""

from __future__ import annotations

import argparse

from include.proven import audit, drill, ids, installation
from include.proven.binlogs import lottery
from include.proven.cli import display, picking
from include.proven.errors import IntegrityError, ProvenError
from include.proven.proof.verdict import EXIT_STATUS
from include.proven.reports import terminal

NAME = "drill"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("recovery_point", nargs="?", default="latest", help="an id, latest (default) or random")
    picking.add_store(parser, "of those that hold it, the one that was drilled longest ago")
    parser.add_argument(
        "--point-in-time",
        nargs="?",
        const=lottery.RANDOM,
        metavar="MOMENT",
        help="reach it from an older one, by the binary log, and a second on the way (default: a random one)",
    )
    parser.add_argument("--sandbox", help="a sandbox of the fleet (default: the database's own)")
    parser.add_argument("--keep", action="store_true", help="keep the sandbox if the verdict is not proven")


def run(arguments: argparse.Namespace) -> int:
    """Drill, print the verdict, return its exit status."""
    opened = installation.open_installation()
    sandbox = arguments.sandbox or opened.database(arguments.database).sandbox
    opened.sandbox(sandbox)
    try:
        asked = _draw(opened, arguments, sandbox) if arguments.point_in_time else _pick(opened, arguments, sandbox)
        with display.stages() as shown:
            verdict = drill.run(opened, asked, keep_on_failure=arguments.keep, on_progress=shown.show)
    except ProvenError as error:
        # no verdict could be drawn or stored; what kept us from it still says whether it is the recovery point's fault
        display.print_error(error)
        return EXIT_STATUS["refuted" if isinstance(error, IntegrityError) else "unproven"]
    if arguments.json:
        display.print_json(verdict.model_dump(mode="json"))
    else:
        terminal.print_verdict(display.results, verdict)
    if arguments.keep and verdict.outcome != "proven":
        display.errors.print(
            f"the sandbox was kept; afterwards: ./proven sandboxes --destroy {asked.instance}", highlight=False
        )
    return EXIT_STATUS[verdict.outcome]


def _pick(opened: installation.Installation, arguments: argparse.Namespace, sandbox: str) -> drill.Drill:
    found = picking.survey(opened, arguments.database, arguments.store)
    point = found.pick(arguments.recovery_point)
    return drill.Drill(ids.new_drill(), arguments.database, point, found.next_to_drill(point), sandbox, audit.operator())


def _draw(opened: installation.Installation, arguments: argparse.Namespace, sandbox: str) -> drill.Drill:
    which = lottery.RANDOM if arguments.recovery_point == "latest" else arguments.recovery_point
    asked = drill.Drill(ids.new_drill(), arguments.database, "", arguments.store, sandbox, audit.operator())
    return lottery.choose(opened, asked, which, arguments.point_in_time)
