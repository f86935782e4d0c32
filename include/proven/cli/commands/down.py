"""Stop what `./proven up` started: Airflow, Swift and the demo's database. Their data stays."""

from __future__ import annotations

import argparse

from include.proven.cli import display
from include.proven.demo import environment
from include.proven.local_airflow import home

NAME = "down"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--remove-data", action="store_true", help="also remove the demo's data, keys and recovery points")


def run(arguments: argparse.Namespace) -> int:
    """Stop everything."""
    demo = environment.open_demo()
    stopped = [name for name, was_running in (("Airflow", home.LocalAirflow(demo.state).stop()), *demo.stop()) if was_running]
    if arguments.remove_data:
        demo.remove()
    if arguments.json:
        display.print_json({"stopped": stopped})
    else:
        display.results.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    return 0
