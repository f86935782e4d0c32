"""Writes what was measured into a document, between its markers, with where and when it was measured."""

from __future__ import annotations

import datetime
import os
import pathlib
import re

from include.proven.errors import ConfigError

GIBIBYTE = 1024**3


def write_between(document: pathlib.Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- name:begin -->` and `<!-- name:end -->`. Raise ConfigError unless each is once."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    found = document.read_text()
    if found.count(begin) != 1 or found.count(end) != 1:
        raise ConfigError(f"{document.name}: the markers {begin} and {end} must each be there once")
    before, _, rest = found.partition(begin)
    document.write_text(f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}")


def describe_machine() -> str:
    """Return a sentence about this machine and what else it had to do."""
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIBIBYTE
    now = datetime.datetime.now(datetime.UTC)
    cores = f"{os.cpu_count()} cores{f' ({model[1]})' if model else ''}"
    return (
        f"Measured on {now:%Y-%m-%d %H:%M} UTC on {cores} with {memory:.0f} GiB of memory; "
        f"load average over the last 15 minutes: {os.getloadavg()[2]:.1f}."
    )
