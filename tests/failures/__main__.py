"""`scripts/failures`: run the tests that produce public failures, and write their table into docs/failures.md."""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import sys
import tempfile

from include.proven.bench import documents
from tests.failures import table
from tests.failures.marks import Report
from tests.proving.figures import DOCUMENT, machine


def main() -> int:
    """Run the marked tests, write the table, and return pytest's exit status."""
    parser = argparse.ArgumentParser(prog="scripts/failures", description=__doc__)
    parser.add_argument("pytest", nargs="*", help="more arguments for pytest, after `--`")
    parser.add_argument("--report", type=pathlib.Path, nargs="+", help="write the table of these reports, and run nothing")
    arguments = parser.parse_args()
    if arguments.report:
        write(*arguments.report)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        begun = datetime.datetime.now(datetime.UTC)
        done = table.run_marked(report, *arguments.pytest)
        print(done.stdout, done.stderr, file=sys.stderr)
        if report.exists():
            write(report)
        print(f"took {datetime.datetime.now(datetime.UTC) - begun}", file=sys.stderr)
    return done.returncode


def write(*reports: pathlib.Path) -> None:
    """Write the table of the reports of one run, whose tests may have been divided among processes, into the document."""
    found: Report = {}
    for report in reports:
        for row, tests in json.loads(report.read_text()).items():
            found.setdefault(row, {}).update(tests)
    documents.write_between(DOCUMENT, "failures", f"{table.describe(found)}\n\n{machine()}\n")


if __name__ == "__main__":
    sys.exit(main())
