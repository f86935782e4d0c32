"""Take a backup now, here, without Airflow.

The recovery point exists in every store of the database when the command exits with 0, and in some of them when it exits with
3: then `./proven copy` brings it to the others. Otherwise nothing was left in any store.
"""

from __future__ import annotations

import argparse

from include.proven import audit, backup, installation
from include.proven.cli import display
from include.proven.errors import ConfigError
from include.proven.reports import terminal

NAME = "backup"
COPY_MISSING = 3
KINDS = ("full", "incremental", "differential")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("--kind", choices=KINDS, help="of a physical backup; by default what the fleet's `incremental` says")


def run(arguments: argparse.Namespace) -> int:
    """Take the backup, print what it holds and where it stands; return 3 if a store has no copy."""
    opened = installation.open_installation()
    _check_kind(opened.database(arguments.database).method, arguments.kind)
    kind = arguments.kind or backup.choose_kind(opened, arguments.database)
    with display.stages() as shown:
        taken = backup.take_backup(
            opened, arguments.database, backup.new_id(kind=kind), triggered_by=audit.operator(), on_progress=shown.show
        )
    stores = [name for name in opened.database(arguments.database).stores if name not in taken.failed]
    if arguments.json:
        failed = {name: error.what for name, error in taken.failed.items()}
        display.print_json(taken.manifest.model_dump(mode="json") | {"stores": stores, "failed": failed})
    else:
        terminal.print_recovery_point(display.results, taken.manifest, stores)
    for name, error in taken.failed.items():
        display.print_warning(f"store {name} has no copy")
        display.print_error(error)
    if taken.failed:
        display.errors.print(f"it stands in {', '.join(stores)}; then: ./proven copy {arguments.database}", highlight=False)
    return COPY_MISSING if taken.failed else 0


def _check_kind(method: str, kind: str | None) -> None:
    if method == "snapshot" and kind:
        raise ConfigError(f"a backup by a snapshot is always a whole one, not {kind}", hint="Leave out --kind.")
    if method == "logical" and kind not in (None, "full"):
        hint = "Set `method: physical` for the database: SQL knows of no pages that were changed."
        raise ConfigError(f"a logical backup is always full, not {kind}", hint=hint)
