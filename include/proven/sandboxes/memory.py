"""The limit on a scratch server's memory: a cgroup of its own, named after its directory and found by that name alone."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import time
from collections.abc import Iterator

from include.proven.errors import SandboxError

ROOT = pathlib.Path("/sys/fs/cgroup")
MEBIBYTE = 1024**2
PATIENCE = 10.0
"""Seconds in which the kernel lets go of a cgroup whose processes have been killed."""


def make(place: pathlib.Path, mebibytes: int) -> pathlib.Path:
    """Make the cgroup of the sandbox in `place` and return it. Raise SandboxError where none can be made."""
    refused = ["no memory controller is mounted below " + str(ROOT)]
    for parent in _parents():
        group = parent / _name(place)
        try:
            if (parent / "cgroup.subtree_control").exists():
                (parent / "cgroup.subtree_control").write_text("+memory")
            group.mkdir(exist_ok=True)
            _limit(group, mebibytes * MEBIBYTE)
        except OSError as error:
            refused.append(str(error))
            if group.exists():
                group.rmdir()
        else:
            return group
    raise SandboxError(
        f"no limit of {mebibytes} MiB can be set on the memory of a sandbox in {place.parent}",
        detail="\n".join(refused),
        hint="A limit is a cgroup: it takes root and a writable /sys/fs/cgroup. Give the worker both, or drop `memory_limit`.",
    )


def join(group: pathlib.Path) -> tuple[str, ...]:
    """Return what to put before an argv so that the program, and all that it starts, counts in that cgroup."""
    return ("/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', str(group / "cgroup.procs"))


def remove(place: pathlib.Path) -> None:
    """Remove the cgroup of the sandbox in `place`, whose processes have been killed. Raise SandboxError if it stays."""
    deadline = time.monotonic() + PATIENCE
    for group in _find(place):
        while group.exists():
            try:
                group.rmdir()
            except FileNotFoundError:
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise SandboxError(f"cgroup {group} can't be removed", detail=str(error)) from error
                time.sleep(0.05)


def was_exceeded(place: pathlib.Path) -> bool:
    """Say whether the kernel has killed a process of that sandbox because its cgroup's limit was reached."""
    for group in _find(place):
        for name in ("memory.events", "memory.oom_control"):
            if (group / name).exists():
                return bool(re.search(r"^oom_kill [1-9]", (group / name).read_text(), re.MULTILINE))
    return False


def _limit(group: pathlib.Path, size: int) -> None:
    """Limit memory, and memory with swap to the same: a server that swaps would only fail later, and slow down all others."""
    if (group / "memory.max").exists():
        (group / "memory.max").write_text(str(size))
        if (group / "memory.swap.max").exists():
            (group / "memory.swap.max").write_text("0")
        return
    (group / "memory.limit_in_bytes").write_text(str(size))
    if (group / "memory.memsw.limit_in_bytes").exists():
        (group / "memory.memsw.limit_in_bytes").write_text(str(size))


def _parents() -> Iterator[pathlib.Path]:
    """Yield the cgroups below which ours may be made, our own first: what limits us should limit the server too.

    cgroup v2 refuses a group that has processes itself, which leaves the next one above.
    """
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            top, needed = ROOT / "memory", "memory.limit_in_bytes"
        elif not controllers:
            top, needed = ROOT, "cgroup.controllers"
        else:
            continue
        for folder in (own := top / path.lstrip("/"), *own.parents):
            if (folder / needed).exists() and (controllers or "memory" in (folder / needed).read_text().split()):
                yield folder
            if folder == top:
                break


def _find(place: pathlib.Path) -> list[pathlib.Path]:
    top = ROOT / "memory" if (ROOT / "memory").exists() else ROOT
    return [pathlib.Path(folder) / _name(place) for folder, children, _ in os.walk(top) if _name(place) in children]


def _name(place: pathlib.Path) -> str:
    return f"{place.name}.{hashlib.sha256(os.fsencode(place)).hexdigest()[:8]}"
