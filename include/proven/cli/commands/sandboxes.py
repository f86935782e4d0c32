"""List the sandboxes that stand on this machine, and destroy those that are named.

A drill destroys its own; what is listed here was kept on purpose (--keep), belongs to a drill that runs just now, or was left
by something that was killed. A sandbox holds a copy of production data.
"""

from __future__ import annotations

import argparse
import datetime
from typing import Any

from include.proven import installation, progress
from include.proven.cli import display
from include.proven.errors import ConfigError

NAME = "sandboxes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--destroy", metavar="NAME", nargs="+", default=[], help="destroy these, by their exact names")


def run(arguments: argparse.Namespace) -> int:
    """Destroy what is named, then list what stands. Raise ConfigError, with nothing destroyed, for a name that does not."""
    opened = installation.open_installation()
    standing = _find(opened)
    known = {row["name"]: row["sandbox"] for row in standing}
    if unknown := sorted(set(arguments.destroy) - set(known)):
        raise ConfigError(f"there is no sandbox {', '.join(unknown)}", hint=f"There is {', '.join(known) or 'none'}.")
    for name in arguments.destroy:
        opened.sandbox(known[name]).destroy(name)
    left = [row for row in standing if row["name"] not in arguments.destroy]
    if arguments.json:
        display.print_json({"destroyed": arguments.destroy, "standing": left})
        return 0
    for name in arguments.destroy:
        display.results.print(f"destroyed {name}", highlight=False)
    for row in left:
        display.results.print(f"{row['name']}  in {row['sandbox']}, {row['age']} old", highlight=False)
    if not left:
        display.results.print("no sandbox stands")
    return 0


def _find(opened: installation.Installation) -> list[dict[str, Any]]:
    now = datetime.datetime.now(datetime.UTC)
    return [
        {"name": found.name, "sandbox": sandbox, "age": progress.format_seconds((now - found.created_at).total_seconds())}
        for sandbox in sorted(opened.fleet.sandboxes)
        for found in opened.sandbox(sandbox).find()
    ]
