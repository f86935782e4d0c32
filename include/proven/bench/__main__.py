"""`scripts/bench`: print what was measured."""

from __future__ import annotations

import argparse
import sys

from include.proven.bench import documents, fingerprint, measure, pipelines, sysbench, transfer, watch
from include.proven.demo import environment

TABLES = ("pipelines", "transfer", "fingerprint", "watch")
DOCUMENT = environment.CHECKOUT / "docs" / "benchmarks.md"


def main() -> int:
    """Run what is asked for and print a Markdown table of each."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=environment.MEGABYTES, help="size of the shop (default: %(default)s)")
    parser.add_argument("--stream-megabytes", type=int, default=1024, help="size of the stream (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the transfers (default: %(default)s)")
    parser.add_argument(
        "--rows",
        type=int,
        default=sysbench.ROWS,
        help=f"rows of each of the {sysbench.TABLES} fingerprinted tables (default: %(default)s, of 250 bytes or so)",
    )
    parser.add_argument("--flavour", choices=sysbench.FLAVOURS, help="fingerprint on this server only (default: both)")
    parser.add_argument("--write", action="store_true", help="write the last two tables into docs/benchmarks.md too")
    parser.add_argument("--only", choices=TABLES, help="only this table")
    arguments = parser.parse_args()
    wanted = [arguments.only] if arguments.only else TABLES
    if "pipelines" in wanted:
        measure.print_table(pipelines.run(arguments.megabytes))
        print()
    if "transfer" in wanted:
        measure.print_table(transfer.run(arguments.stream_megabytes, arguments.rounds))
        print()
    if "fingerprint" in wanted:
        _bench_fingerprint(arguments)
    if "watch" in wanted:
        _bench_watch(arguments)
    return 0


def _bench_fingerprint(arguments: argparse.Namespace) -> None:
    found = fingerprint.run(arguments.rows, [arguments.flavour] if arguments.flavour else sysbench.FLAVOURS)
    table = fingerprint.table(found)
    print(table, end="")
    if arguments.write:
        pool = f"Buffer pool {fingerprint.BUFFER_POOL}."
        documents.write_between(DOCUMENT, "fingerprint", f"{documents.describe_machine()} {pool}\n\n{table}")


def _bench_watch(arguments: argparse.Namespace) -> None:
    table = watch.table(watch.run())
    print(table, end="")
    if arguments.write:
        documents.write_between(DOCUMENT, "watch", f"{documents.describe_machine()}\n\n{table}")


if __name__ == "__main__":
    sys.exit(main())
