"""Show one recovery point: what is in it, which stores hold it, what its drills have seen; or one drill, by its id.

--commands shows the audit trail in its place: every command that agents ran, when, on which host, how it ended, who had asked.
--restores shows who has restored recovery points of the database, when and where to; --removals what retention has removed.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence

from include.proven import copies, ids, installation
from include.proven.catalog.drills import CHAINS, DRILLS
from include.proven.cli import display, picking
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.proof.verdict import Verdict
from include.proven.reports import commands, gathering, terminal

NAME = "show"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("recovery_point", nargs="?", default="latest", help="an id, a drill's id, or latest (default)")
    picking.add_store(parser, "all of them")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--commands", action="store_true", help="show every command that was run for it")
    instead.add_argument("--restores", action="store_true", help="show who has restored it, or any, and where to")
    instead.add_argument("--removals", action="store_true", help="show what retention has removed, and on whose word")


def run(arguments: argparse.Namespace) -> int:
    """Print the recovery point's manifest and verdicts, or what was run, or the restores."""
    opened = installation.open_installation()
    opened.database(arguments.database)
    if arguments.restores:
        return _show_restores(opened, arguments)
    if arguments.removals:
        return _show_removals(opened, arguments)
    drill = arguments.recovery_point if ids.DRILL.fullmatch(arguments.recovery_point) else ""
    found = picking.survey(opened, arguments.database, arguments.store)
    point = found.pick(_drilled(opened, arguments, drill) if drill else arguments.recovery_point)
    stores = found.held[point]
    catalogs = [opened.catalog(arguments.database, store) for store in stores]
    manifest = catalogs[0].manifest(arguments.database, point)
    folders = itertools.product(catalogs, (DRILLS, CHAINS))
    verdicts = [verdict for one, folder in folders for verdict in one.verdicts(arguments.database, point, folder)]
    verdicts = sorted((verdict for verdict in verdicts if drill in ("", verdict.drill)), key=lambda verdict: verdict.drill)
    if arguments.json:
        said = [verdict.model_dump(mode="json") for verdict in verdicts]
        display.print_json({"manifest": manifest.model_dump(mode="json"), "stores": stores, "verdicts": said})
    elif arguments.commands:
        _print_commands(manifest if not drill else None, verdicts)
    else:
        if not drill:
            terminal.print_recovery_point(display.results, manifest, stores)
        for verdict in verdicts:
            terminal.print_verdict(display.results, verdict)
    return 0


def _drilled(opened: Installation, arguments: argparse.Namespace, drill: str) -> str:
    """Return the recovery point that a drill is about. Raise ConfigError if it has no verdict."""
    return gathering.choose(opened, arguments.database, drill=drill, store=arguments.store).recovery_point


def _print_commands(manifest: Manifest | None, verdicts: Sequence[Verdict]) -> None:
    """Print what the backup ran, where it is asked for, and what each drill ran."""
    if manifest:
        _print_head(f"recovery point {manifest.recovery_point}", manifest.triggered_by)
        terminal.print_trail(display.results, commands.of_backup(manifest))
    for verdict in verdicts:
        _print_head(f"drill {verdict.drill}", verdict.triggered_by)
        for trail in commands.of_drill(verdict.steps, verdict.checks):
            terminal.print_trail(display.results, trail)


def _print_head(what: str, asked_by: str) -> None:
    display.results.print(f"{what}, asked by {asked_by or 'somebody who was not recorded'}", markup=False, highlight=False)


def _show_removals(opened: Installation, arguments: argparse.Namespace) -> int:
    answers = copies.ask(opened, arguments.database, lambda one: one.removals(arguments.database), arguments.store).require()
    picking.warn_of_silence(answers.silent)
    removals = sorted((one for found in answers.given.values() for one in found), key=lambda one: one.started_at)
    if arguments.json:
        display.print_json([one.model_dump(mode="json") for one in removals])
    else:
        terminal.print_removals(display.results, removals)
    return 0


def _show_restores(opened: Installation, arguments: argparse.Namespace) -> int:
    answers = copies.ask(opened, arguments.database, lambda one: one.restores(arguments.database), arguments.store).require()
    picking.warn_of_silence(answers.silent)
    wanted = arguments.recovery_point
    restores = [one for found in answers.given.values() for one in found if wanted in ("latest", one.recovery_point)]
    restores.sort(key=lambda one: one.started_at)
    if arguments.json:
        display.print_json([one.model_dump(mode="json") for one in restores])
    else:
        terminal.print_restores(display.results, restores)
    return 0
