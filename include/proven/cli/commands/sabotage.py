"""Break a copy of a good recovery point on purpose, drill it, and demand that it is refused and that a page arrives.

The recovery point is copied from its store into a folder of its own on this machine; the copy is broken in one way, restored in
a sandbox of kind local and checked as any other. It must be refused, and for the right reason. The page about it is marked as
an exercise and resolved at once. Nothing is ever written to a store; of the copy nothing is left.

Status 0 means: every sabotage was noticed for the right reason, and its page delivered; 1: one was not; 2: one was not tried.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from include.proven import audit, installation, progress
from include.proven.cli import display, picking
from include.proven.errors import ConfigError, ProvenError
from include.proven.proof.verdict import EXIT_STATUS
from include.proven.sabotage import choosing, exercise, scratch
from include.proven.sabotage.all_ways import WAYS
from include.proven.sabotage.exercise import Finding
from include.proven.sabotage.telling import Pager

NAME = "sabotage"
STYLE = {"noticed": "bold green", "unnoticed": "bold red", "untried": "bold yellow", "not applicable": "dim"}
MARK = {"noticed": "✓", "unnoticed": "✗", "untried": "?", "not applicable": "–"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database", nargs="?")
    parser.add_argument("recovery_point", nargs="?", default="latest", help="an id, latest (default) or random")
    parser.add_argument(
        "--way",
        default=choosing.RANDOM,
        metavar="NAME",
        help="how it is broken: a name, random (default), or all in turn",
    )
    parser.add_argument("--list", action="store_true", help="only say which ways there are, and what must notice each")
    picking.add_store(parser, "of those that hold it, the one that was drilled longest ago")
    parser.add_argument("--sandbox", default="", help="a sandbox of kind local (default: the database's own, or the first)")
    parser.add_argument("--no-page", action="store_true", help="tell nobody")


def run(arguments: argparse.Namespace) -> int:
    """Sabotage, print what came of it, and return whether the alarm works."""
    if arguments.list:
        return _list(as_json=arguments.json)
    if not arguments.database:
        raise ConfigError("sabotage: no database is named", hint="`./proven sabotage --list` shows the ways to break a copy.")
    chosen = choosing.choose(arguments.way)
    opened = installation.open_installation()
    sandbox = scratch.choose_sandbox(opened.fleet, arguments.database, arguments.sandbox)
    found = picking.survey(opened, arguments.database, arguments.store)
    point = found.pick(arguments.recovery_point)
    who = audit.operator()
    asked = exercise.Order(
        database=arguments.database,
        recovery_point=point,
        store=found.next_to_drill(point),
        sandbox=sandbox,
        ways=chosen,
        triggered_by=who,
        enough=choosing.enough(arguments.way),
    )
    now = datetime.datetime.now(datetime.UTC)
    pager = None if arguments.no_page else Pager(opened, f"{who} {now:%Y-%m-%dT%H:%M:%SZ}")
    try:
        with display.errors.status(f"copying {point} …") as status:
            findings = exercise.run(
                opened,
                asked,
                pager,
                on_finding=_print_line,
                on_progress=lambda event: status.update(f"{event.stage}: {progress.format_bytes(event.bytes)}"),
            )
    except ProvenError as error:
        # what keeps us from trying the alarm says nothing about it
        display.print_error(error)
        return EXIT_STATUS["unproven"]
    if arguments.json:
        display.print_json({"recovery_point": point, "findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        _print(findings, point)
    return exit_status(findings)


def exit_status(findings: Sequence[Finding]) -> int:
    """Return 1 if the alarm has failed, 2 if something could not be tried or nothing was, else 0."""
    if any(finding.alarming for finding in findings):
        return EXIT_STATUS["refuted"]
    tried = [finding.state for finding in findings if finding.state != "not applicable"]
    return EXIT_STATUS["proven" if tried and "untried" not in tried else "unproven"]


def _list(*, as_json: bool) -> int:
    if as_json:
        members = ("name", "failure", "what", "expected")
        display.print_json([{member: getattr(way, member) for member in members} for way in WAYS.values()])
        return 0
    table = Table("way", "failure", "what it does", "must be", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[0].no_wrap = True
    for way in WAYS.values():
        table.add_row(way.name, way.failure, way.what, way.expected)
    display.results.print(table)
    return 0


def _print_line(finding: Finding) -> None:
    display.errors.print(
        Text.assemble((MARK[finding.state], STYLE[finding.state]), f" {exercise.describe(finding)}"), highlight=False
    )


def _print(findings: Sequence[Finding], point: str) -> None:
    table = Table("", "way", "broken", "verdict", "the drill said", "page", "time", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[1].no_wrap = table.columns[6].no_wrap = True
    table.columns[4].overflow = "fold"
    for finding in findings:
        style = STYLE["unnoticed" if finding.alarming else finding.state]
        table.add_row(
            Text(MARK[finding.state], style),
            finding.way,
            Text(finding.thing),
            Text(finding.outcome or finding.state, style),
            Text(finding.cause),
            Text(finding.page_fault or ", ".join(finding.paged), "bold red" if finding.page_fault else ""),
            progress.format_seconds(finding.seconds) if finding.drill else "",
        )
    display.results.print(table)
    counts = {state: sum(finding.state == state for finding in findings) for state in STYLE}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    failed = [finding for finding in findings if finding.alarming]
    verdict = ("the alarm has FAILED", "bold red") if failed else ("the alarm works", "bold green")
    if not failed and exit_status(findings):
        verdict = ("the alarm was not tried", "bold yellow")
    display.results.print(Text.assemble(verdict, f": {said}. {point} itself was not touched."))
