"""`scripts/bench`: print both tables."""

from __future__ import annotations

import argparse
import sys

from include.proven.bench import measure, pipelines, transfer
from include.proven.demo import environment

TABLES = ("pipelines", "transfer")


def main() -> int:
    """Run what is asked for and print a Markdown table of each."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=environment.MEGABYTES, help="size of the shop (default: %(default)s)")
    parser.add_argument("--stream-megabytes", type=int, default=1024, help="size of the stream (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the transfers (default: %(default)s)")
    parser.add_argument("--only", choices=TABLES, help="only this table")
    arguments = parser.parse_args()
    if arguments.only != "transfer":
        measure.print_table(pipelines.run(arguments.megabytes))
    if arguments.only is None:
        print()
    if arguments.only != "pipelines":
        measure.print_table(transfer.run(arguments.stream_megabytes, arguments.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
