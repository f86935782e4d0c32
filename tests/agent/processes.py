"""Looks at the processes of this machine, as `ps` does."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable


def children(pid: int) -> set[int]:
    """Return the process and everything below it."""
    parents: dict[int, int] = {}
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents[int(directory.name)] = int(directory.joinpath("stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def programs(pid: int) -> set[str]:
    """Return the names of the programs that run below a process."""
    return {name for child in children(pid) if (name := program(child))}


def at_work(pid: int, tool: str) -> set[int]:
    """Return the processes below a process that run a tool, but for its help or its version."""
    found = set()
    for child in children(pid):
        try:
            argv = pathlib.Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if program(child) == tool and not argv.endswith((b"--help\0", b"--version\0")):
            found.add(child)
    return found


def program(pid: int) -> str:
    """Return the name of the program that a process runs, or nothing if it is gone or a zombie."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return "" if state == "Z" else pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something is true. Fail the test if it does not come about."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
