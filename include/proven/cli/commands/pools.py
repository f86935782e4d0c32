"""Print Airflow's pools, one for each sandbox of the fleet, as `airflow pools import` reads them.

Proven's plugin makes them by itself in the scheduler. This is for an Airflow whose pools are kept elsewhere.
"""

from __future__ import annotations

import argparse

from include.proven import pools
from include.proven.cli import display
from include.proven.fleet import load

NAME = "pools"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: it has none of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Print the JSON."""
    display.print_json(pools.wanted(load.load()))
    return 0
