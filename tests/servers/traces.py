"""What a run must not leave behind: processes, directories, parts."""

from __future__ import annotations

import pathlib
import tempfile

from tests.servers.fleets import FleetFiles
from tests.servers.swift import Swift

TOOLS = ("mariadb-dump", "mysqldump", "zstd", "gpg", "mariadb", "mysql")


def command_lines() -> list[str]:
    """Return the command line of every process."""
    lines = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                lines.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
            except OSError:
                continue  # it ended while we looked
    return lines


def nothing_runs(files: FleetFiles) -> None:
    """Fail if an agent, one of its tools or a sandbox is still there, or a directory of theirs."""
    sandboxes = pathlib.Path(files.document["sandboxes"]["local"]["directory"])
    assert not list(sandboxes.glob("proven-*"))
    assert not [line for line in command_lines() if str(sandboxes) in line]
    assert not [line for line in command_lines() if "proven-agent" in line]
    assert not list(pathlib.Path(tempfile.gettempdir()).glob("proven-agent-*/keys*"))


def nothing_stored(files: FleetFiles, swift: Swift) -> None:
    """Fail if the store holds any object or part of this fleet."""
    for container in (files.container, f"{files.container}_segments"):
        there = {entry["name"] for entry in swift.raw().get_account()[1]}
        if container in there:
            assert swift.names(container) == []
