"""Takes the network from a process of this machine: by a namespace of its own, or where none is to be had by a filter."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys

FILTER = (sys.executable, "-I", str(pathlib.Path(__file__).with_name("no_network.py")))
"""Puts a filter on a program: every network socket is refused to it, whatever the network is."""


@functools.cache
def without_network() -> tuple[str, ...]:
    """Return what to put before an argv so that the program reaches no network, not even a loopback. Unix sockets still work.

    Root makes a namespace, others one inside of a user namespace; where the kernel or a container forbids both it is the
    filter. Return nothing where that is not to be had either.
    """
    unshare = shutil.which("unshare")
    namespace = ("--net",) if os.geteuid() == 0 else ("--user", "--map-current-user", "--net")
    ways = [*([(unshare, *namespace, "--")] if unshare else []), FILTER]
    return next((way for way in ways if _works(way)), ())


def inside(pid: int) -> tuple[str, ...]:
    """Return the command that runs another program in the network that process `pid` sees; nothing if that is ours."""
    if _network(str(pid)) != _network("self"):
        nsenter = shutil.which("nsenter") or "nsenter"
        if os.geteuid() == 0:
            return (nsenter, f"--net=/proc/{pid}/ns/net", "--")
        return (nsenter, f"--target={pid}", "--user", "--net", "--preserve-credentials", "--")
    return FILTER if _filters(str(pid)) > _filters("self") else ()


def _works(prefix: tuple[str, ...]) -> bool:
    return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0


def _network(pid: str) -> str:
    try:
        return str(pathlib.Path(f"/proc/{pid}/ns/net").readlink())
    except FileNotFoundError:
        return _network("self")


def _filters(pid: str) -> int:
    """Return how many seccomp filters a process has: it inherits ours, a container's, and adds its own."""
    try:
        found = re.search(r"^Seccomp_filters:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) if found else 0
