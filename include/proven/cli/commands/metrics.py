"""Print metrics for Prometheus, read from the stores: ages, outcomes, sizes, times and open pages of every database.

A heartbeat of kind `prometheus` writes the same, again and again, for the node exporter's textfile collector, and when all was
in order last.
"""

from __future__ import annotations

import argparse
import datetime
import sys

from include.proven import installation, metrics
from include.proven.cli import display

NAME = "metrics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: it has none of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Print the metrics of every database."""
    gauges = metrics.gather(installation.open_installation(), now=datetime.datetime.now(datetime.UTC))
    if arguments.json:
        display.print_json(gauges.samples)
    else:
        sys.stdout.write(gauges.text)
    return 0
