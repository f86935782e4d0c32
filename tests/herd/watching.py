"""Counts, while the block runs, what a herd of drills has alive at one moment, and the memory of all of it."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import resource
import threading
import time
from collections.abc import Iterator

COUNT_SECONDS, WEIGH_SECONDS = 0.05, 0.5


@dataclasses.dataclass
class Seen:
    """The most that there was at any moment."""

    directory: str
    """Of the sandboxes."""
    mark: bytes
    """Part of the environment of every process of the herd."""
    looks: int = 0
    servers: int = 0
    """Scratch servers that ran."""
    places: int = 0
    """Sandboxes that existed, half-built ones included."""
    memory: int = 0
    """Resident bytes of all processes of the herd, servers included; pages that two of them share are counted twice."""
    processes: int = 0
    """How many processes that was."""

    def count(self) -> None:
        """Look at the servers and places once."""
        pattern = re.compile(re.escape(self.directory.encode()) + rb"/(proven-[a-z0-9-]+)/data")
        alive = {found.group(1) for _, line in commands() if b"mariadbd" in line and (found := pattern.search(line))}
        self.servers = max(self.servers, len(alive))
        self.places = max(self.places, len(list(pathlib.Path(self.directory).glob("proven-*"))))
        self.looks += 1

    def weigh(self) -> None:
        """Look at the memory once."""
        ours = [pid for pid, line in commands() if self.directory.encode() in line or self.mark in read(pid, "environ")]
        sizes = [int(fields[1]) for pid in ours if (fields := read(pid, "statm").split())]
        if (total := sum(sizes) * resource.getpagesize()) > self.memory:
            self.memory, self.processes = total, len(sizes)


@contextlib.contextmanager
def watching(directory: str, mark: str) -> Iterator[Seen]:
    """Watch from another thread, twenty times a second."""
    seen, stop = Seen(directory, mark.encode()), threading.Event()

    def watch() -> None:
        weighed = 0.0
        while not stop.wait(COUNT_SECONDS):
            seen.count()
            if time.monotonic() - weighed > WEIGH_SECONDS:
                seen.weigh()
                weighed = time.monotonic()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def commands() -> Iterator[tuple[int, bytes]]:
    """Yield process id and command line of every process."""
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and (line := read(int(entry.name), "cmdline")):
            yield int(entry.name), line


def read(pid: int, name: str) -> bytes:
    """Return what /proc says of a process, or nothing if it has ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
