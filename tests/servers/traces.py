"""What a run must not leave behind: processes, directories, parts."""

from __future__ import annotations

import pathlib

from tests.servers.fleets import FleetFiles
from tests.servers.swift import Swift


def processes_of(files: FleetFiles) -> list[str]:
    """Return the command lines of all processes that work for this fleet: agents, their tools, and sandboxes."""
    sandboxes = files.document["sandboxes"]["local"]["directory"].encode()
    mark = f"TMPDIR={files.scratch}".encode()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue  # it ended while we looked
            if sandboxes in command or mark in environment.split(b"\0"):
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def nothing_runs(files: FleetFiles) -> None:
    """Fail if an agent, one of its tools or a sandbox is still there, or a directory of theirs."""
    assert processes_of(files) == []
    assert not list(pathlib.Path(files.document["sandboxes"]["local"]["directory"]).glob("proven-*"))
    assert not list(files.scratch.iterdir())


def nothing_stored(files: FleetFiles, swift: Swift) -> None:
    """Fail if the store holds any object or part of this fleet, but for the record of an open page."""
    for container in (files.container, f"{files.container}_segments"):
        there = {entry["name"] for entry in swift.raw().get_account()[1]}
        if container in there:
            assert [name for name in swift.names(container) if "/pages/" not in name] == []
