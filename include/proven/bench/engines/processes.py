"""What the kernel tells of processes: whose children they are, the CPU that they took, the memory that they hold."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

TICKS = os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Return all that a process has started and that lives, and what these have started."""
    parents: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    return list(_below(pid, parents))


def seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of those children that it has waited for; 0 if it has gone."""
    return sum(int(field) for field in _fields(pid)[11:15]) / TICKS


def tree_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and all that it has started."""
    return seconds(pid) + sum(seconds(child) for child in children_of(pid))


def arguments(pid: int) -> list[str]:
    """Return a process's argv; nothing if it has gone."""
    with contextlib.suppress(OSError):
        return [os.fsdecode(word) for word in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
    return []


def memory(pid: int) -> tuple[int, int]:
    """Return how many bytes a process holds, and the most that it ever held; zeros if it has gone."""
    found = {"VmRSS": 0, "VmHWM": 0}
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in found:
                found[name] = int(rest.split()[0]) * 1024
    return found["VmRSS"], found["VmHWM"]


def _below(pid: int, parents: dict[int, list[int]]) -> Iterator[int]:
    for child in parents.get(pid, []):
        yield child
        yield from _below(child, parents)


def _fields(pid: int) -> list[str]:
    """Return what stands behind the name, which may hold anything: state, parent, …; nothing if the process has gone."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []
