"""`scripts/bench`: print what was measured."""

from __future__ import annotations

import argparse
import signal
import sys

from include.proven.bench import documents, fingerprint, measure, pipelines, sysbench, transfer, watch
from include.proven.bench.engines import memory, race, tables
from include.proven.demo import environment

TABLES = ("engines", "memory", "pipelines", "transfer", "fingerprint", "watch")
DOCUMENT = environment.CHECKOUT / "docs" / "benchmarks.md"


def main() -> int:
    """Run what is asked for and print a Markdown table of each."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=environment.MEGABYTES, help="size of the shop (default: %(default)s)")
    parser.add_argument("--stream-megabytes", type=int, default=1024, help="size of the stream (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="rounds of the engines (default: 1) and the transfers (default: 3)")
    parser.add_argument(
        "--rows",
        type=int,
        default=sysbench.ROWS,
        help=f"rows of each of the {sysbench.TABLES} tables of engines and fingerprint (default: %(default)s)",
    )
    parser.add_argument("--flavour", choices=sysbench.FLAVOURS, help="on this server only (default: both)")
    parser.add_argument("--write", action="store_true", help="write all but pipelines and transfer into docs/benchmarks.md too")
    parser.add_argument("--only", choices=TABLES, help="only this table")
    arguments = parser.parse_args()
    wanted = [arguments.only] if arguments.only else TABLES
    # who is terminated cleans up as who is interrupted
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failures = _bench_engines(arguments) if "engines" in wanted else 0
    # by itself only: eight gigabytes take long
    failures += _bench_memory(arguments) if arguments.only == "memory" else 0
    if "pipelines" in wanted:
        measure.print_table(pipelines.run(arguments.megabytes))
        print()
    if "transfer" in wanted:
        measure.print_table(transfer.run(arguments.stream_megabytes, arguments.rounds or 3))
        print()
    if "fingerprint" in wanted:
        _bench_fingerprint(arguments)
    if "watch" in wanted:
        _bench_watch(arguments)
    return 1 if failures else 0


def _bench_engines(arguments: argparse.Namespace) -> int:
    """Return how many ways have no figure."""
    failures = 0
    for flavour in [arguments.flavour] if arguments.flavour else sysbench.FLAVOURS:
        found = race.run(flavour, arguments.rows, rounds=arguments.rounds or 1)
        table = tables.render(found)
        print(table)
        if arguments.write:
            plot = DOCUMENT.parent / "images" / f"engines-{flavour}.svg"
            plot.write_text(tables.plot(found))
            shown = f"![Seconds of every way]({plot.relative_to(DOCUMENT.parent)})"
            said = f"{documents.describe_machine()} {race.describe(found)}"
            documents.write_between(DOCUMENT, f"engines-{flavour}", f"{said}\n\n{shown}\n\n{table}")
        failures += race.report_failures(found)
    return failures


def _bench_memory(arguments: argparse.Namespace) -> int:
    """Return how many ways have no figure."""
    flavours = [arguments.flavour] if arguments.flavour else sysbench.FLAVOURS
    found = {flavour: memory.run(flavour, arguments.rows) for flavour in flavours}
    table = "\n".join(memory.render(flavour, held) for flavour, held in found.items())
    print(table)
    if arguments.write:
        documents.write_between(DOCUMENT, "memory", f"{documents.describe_machine()}\n\n{table}")
    return sum(len(one.outcomes.failed()) for held in found.values() for one in held)


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
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; what it had started has ended")
