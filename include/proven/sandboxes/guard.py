"""Watches one scratch server: `python -I guard.py --guard-of=DATADIR MOST_BYTES SECONDS`. Standard library only.

It kills every process of that data directory (those that carry `--datadir=DATADIR`) when

* who builds the sandbox ends before it has said `built` on our standard input;
* the sandbox's folder takes up more than MOST_BYTES;
* less than a twentieth of its file system is free: the disk is the worker's, and full disks take others down;
* SECONDS have passed: nobody has destroyed it, and it shall not run for ever;
* the sandbox's folder is gone: nobody would find the server any more.

The reason is left as the last line of the sandbox's `error.log`. The guard ends with the server.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import select
import shutil
import signal
import sys
import time

MARK = "proven: "
"""Begins the line that the guard leaves."""
BUILT = b"built\n"
INTERVAL = 1.0
"""Seconds between two looks."""
LEAST_FREE = 0.05
"""Share of the file system that stays free."""


def main() -> None:
    """Watch until the server has ended or must end."""
    datadir = pathlib.Path(sys.argv[1].partition("=")[2])
    most, deadline = int(sys.argv[2]), time.monotonic() + float(sys.argv[3])
    building = True
    while True:
        said, _, _ = select.select([sys.stdin] if building else [], [], [], INTERVAL)
        if said:
            building = False
            if sys.stdin.buffer.readline() != BUILT:
                return end(datadir, "whoever built it ended before it was built")
        if not building and not processes(datadir):
            return None
        if time.monotonic() > deadline:
            return end(datadir, f"its lifetime of {float(sys.argv[3]):,.0f} s has passed")
        if not datadir.parent.exists():
            return end(datadir, "its folder is gone")
        if reason := too_large(datadir.parent, most):
            return end(datadir, reason)


def too_large(folder: pathlib.Path, most: int) -> str:
    """Return why the sandbox takes up too much, or nothing."""
    taken = size(folder)
    if taken > most:
        gigabytes = f"{taken / 1e9:,.2f} GB, may take up {most / 1e9:,.2f} GB"
        return f"it takes up {gigabytes} (`space_factor` of the sandbox says how many times the dump's size)"
    with contextlib.suppress(FileNotFoundError):
        disk = shutil.disk_usage(folder)
        if disk.free < disk.total * LEAST_FREE:
            return f"only {disk.free / 1e9:,.2f} GB of its disk are free, fewer than {LEAST_FREE:.0%}"
    return ""


def size(folder: pathlib.Path) -> int:
    """Return how many bytes of disk a folder takes up. What vanishes meanwhile takes up none."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(f"{parent}/{name}").st_blocks * 512  # a sparse file is as large as what is written
    return total


def end(datadir: pathlib.Path, reason: str) -> None:
    """Leave the reason, then kill every process of the data directory, and those that they start meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        log = os.open(datadir.parent / "error.log", os.O_WRONLY | os.O_APPEND)
        os.write(log, f"{MARK}{reason}\n".encode())
        os.close(log)
    while found := processes(datadir):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)  # the id may be another process's by now
                if pid in processes(datadir):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                os.close(handle)
        time.sleep(0.05)


def processes(datadir: pathlib.Path) -> list[int]:
    """Return the ids of the processes of that data directory."""
    wanted, found = os.fsencode(f"--datadir={datadir}"), []
    for name in os.listdir("/proc"):  # noqa: PTH208  # once a second, on every machine with a sandbox
        with contextlib.suppress(OSError):
            if name.isdigit() and wanted in pathlib.Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0"):
                found.append(int(name))
    return found


if __name__ == "__main__":
    main()
