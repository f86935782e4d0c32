"""Write what the phases of scripts/test-openstack libvirt have taken into a document, between its markers.

Usage: write_benchmark.py DOCUMENT <timings. Each line of the timings is milliseconds, a tab, and what was done.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import re
import sys
from collections.abc import Iterable

BEGIN, END = "<!-- openstack:begin -->", "<!-- openstack:end -->"
GIBIBYTE = 1024**3


def main(document: str) -> None:
    path = pathlib.Path(document)
    text = path.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{document}: the markers {BEGIN} and {END} must each be there once")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{describe(sys.stdin)}{END}{after}")


def describe(timings: Iterable[str]) -> str:
    """Return the section: where and when it was measured, and a row for each phase."""
    rows = [(int(milliseconds), words) for milliseconds, words in (line.rstrip("\n").split("\t") for line in timings)]
    table = "\n".join(f"| {words} | {milliseconds / 1000:.1f} |" for milliseconds, words in rows)
    return f"{machine()}\n\n| phase | seconds |\n|---|---:|\n{table}\n"


def machine() -> str:
    """Return a sentence about this machine and what else it had to do."""
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIBIBYTE
    now = datetime.datetime.now(datetime.UTC)
    cores = f"{os.cpu_count()} cores{f' ({model[1]})' if model else ''}"
    return (
        f"Measured on {now:%Y-%m-%d %H:%M} UTC on {cores} with {memory:.0f} GiB of memory, the machine emulated without KVM; "
        f"load average over the last 15 minutes: {os.getloadavg()[2]:.1f}."
    )


if __name__ == "__main__":
    main(sys.argv[1])
