"""Look for what is wrong though nothing has failed, tell people, and bring them what they have not got yet.

It needs the stores and the keys only: let cron call it, on another machine than Airflow's. It names each database whose backup
is late or whose newest proof is older than its RPO, and pages, each thing once, as the DAG `watch` does. Status 0 means: all is
in order; 1: something was found, could not be looked at, or could not be told.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from typing import Any

from include.proven import audit, installation
from include.proven.cli import display
from include.proven.fleet.pages import FLEET
from include.proven.pages.kinds import KINDS
from include.proven.watch import watching
from include.proven.watch.concern import Concern, Finding
from include.proven.watch.concerns import CONCERNS
from include.proven.watch.watching import Watched

NAME = "watch"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--stores-only", action="store_true", help="ask what the stores and keys can answer (default)")
    scope.add_argument("--all", action="store_true", help="ask the databases, too, and what takes longer; remove old pages")
    parser.add_argument("--only", choices=[concern.name for concern in CONCERNS], help="ask this only")
    parser.add_argument("--no-page", action="store_true", help="only look: page nobody, resolve and deliver nothing")
    parser.add_argument("--quiet", action="store_true", help="print nothing when all is in order")


def run(arguments: argparse.Namespace) -> int:
    """Watch once; return 1 unless all is in order."""
    opened = installation.open_installation()
    now = datetime.datetime.now(datetime.UTC)
    watched = watching.run(
        opened,
        now=now,
        run_id=f"{audit.operator()} {now:%Y-%m-%dT%H:%M:%SZ}",
        concerns=[
            concern
            for concern in CONCERNS
            if arguments.only in (None, concern.name) and (arguments.only or arguments.all or _is_quick(concern))
        ],
        tell=not arguments.no_page,
        prune=arguments.all and not arguments.only,
        on_finding=None if arguments.json else _print_finding,
    )
    if arguments.json:
        display.print_json(_document(watched))
    else:
        _print_rest(watched, len(opened.fleet.databases), quiet=arguments.quiet)
    return 1 if watched.findings or watched.failed or watched.undelivered else 0


def _is_quick(concern: Concern) -> bool:
    return concern.needs == "stores" and not concern.thorough


def _print_finding(finding: Finding) -> None:
    """Print a finding, in one line, as soon as it is found."""
    place = "fleet" if finding.database == FLEET else finding.database
    sys.stdout.write(f"{place}: {KINDS[finding.kind].title}: {finding.summary}\n")
    sys.stdout.flush()


def _print_rest(watched: Watched, databases: int, *, quiet: bool) -> None:
    for concern, error in watched.failed.items():
        display.errors.print(f"[bold red]{concern} could not be looked at[/]", highlight=False)
        display.print_error(error)
    for line in watched.undelivered:
        display.errors.print(f"not delivered: {line}", markup=False, highlight=False)
    if not quiet and watched.pruned:
        display.results.print("old pages:", *watched.pruned, sep="\n  ", markup=False, highlight=False)
    if not quiet and not (watched.findings or watched.failed or watched.undelivered):
        display.results.print(f"{databases} {'database' if databases == 1 else 'databases'}: all in order", highlight=False)


def _document(watched: Watched) -> dict[str, Any]:
    return {
        "in_order": watched.in_order,
        "findings": [
            {
                "kind": finding.kind,
                "severity": finding.urgency,
                "database": finding.database,
                "thing": finding.thing,
                "summary": finding.summary,
                "detail": finding.detail,
                "hint": finding.hint,
            }
            for finding in watched.findings
        ],
        "failed": {
            concern: {"what": error.what, "detail": error.detail, "hint": error.hint}
            for concern, error in watched.failed.items()
        },
        "undelivered": watched.undelivered,
        "pruned": watched.pruned,
    }
