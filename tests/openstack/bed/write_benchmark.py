"""Write what the phases of scripts/test-openstack libvirt have taken into a document, between its markers.

Usage: python -m tests.openstack.bed.write_benchmark DOCUMENT <timings. Each line of the timings is milliseconds, a tab, and
what was done.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterable

from include.proven.bench import documents


def describe(timings: Iterable[str]) -> str:
    """Return the section: where and when it was measured, and a row for each phase."""
    rows = [(int(milliseconds), words) for milliseconds, words in (line.rstrip("\n").split("\t") for line in timings)]
    table = "\n".join(f"| {words} | {milliseconds / 1000:.1f} |" for milliseconds, words in rows)
    where = f"{documents.describe_machine()} The machine of the drill is emulated, without KVM."
    return f"{where}\n\n| phase | seconds |\n|---|---:|\n{table}\n"


if __name__ == "__main__":
    documents.write_between(pathlib.Path(sys.argv[1]), "openstack", describe(sys.stdin))
