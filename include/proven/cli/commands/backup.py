"""Take a backup now, here, without Airflow.

The recovery point exists when the command exits with 0; otherwise nothing was left in the store.
"""

from __future__ import annotations

import argparse

from include.proven import backup, installation, report
from include.proven.cli import display

NAME = "backup"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")


def run(arguments: argparse.Namespace) -> int:
    """Take the backup and print what it holds."""
    opened = installation.open_installation()
    opened.database(arguments.database)
    with display.stages() as shown:
        taken = backup.take_backup(opened, arguments.database, backup.new_id(), on_progress=shown.show)
    if arguments.json:
        display.print_json(taken.manifest.model_dump(mode="json"))
    else:
        report.print_recovery_point(display.results, taken.manifest)
    return 0
