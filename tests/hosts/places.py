"""The ways in which an agent is run, with a look from outside at what is there of it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from typing import Any

from include.proven.hosts.contract import Host, Running
from include.proven.hosts.ssh import SshHost
from tests.agent import processes
from tests.servers.databases import DatabaseServer
from tests.servers.sshd import Sshd


@dataclasses.dataclass
class Place:
    """A host, the name that runs have there, and where all that they make is found."""

    host: Host
    run: str
    archive: str
    """What the command line of each of our processes there holds, and of no other's."""
    scratch: pathlib.Path
    """Where the agents' temporary files go."""
    runs: pathlib.Path
    """Where the keepers' sockets are."""

    def processes(self) -> set[int]:
        """Return what runs there: relays, keepers, agents, and their tools."""
        ours = {pid for pid in _pids() if self.archive in " ".join(_command(pid))}
        return {below for pid in ours for below in processes.children(pid) if processes.program(below)}

    def agents(self) -> set[int]:
        """Return the agents that run there."""
        return {pid for pid in self.processes() if _command(pid)[1:2] == ["-I"] and self.archive in _command(pid)[-1]}

    def keepers(self) -> set[int]:
        """Return the keepers that run there."""
        return {pid for pid in self.processes() if "keeper" in _command(pid)}

    def left(self) -> list[str]:
        """Return what is there of any run."""
        found = [f"process {pid} {processes.program(pid)}" for pid in sorted(self.processes())]
        files = [*self.scratch.iterdir(), *(self.runs.iterdir() if self.runs.exists() else [])]
        return found + [str(path) for path in files]

    def wait_until_working(self) -> set[int]:
        """Wait until an agent's query runs; return all processes of the run."""
        processes.wait_until(lambda: "mariadb" in {processes.program(pid) for pid in self.processes()})
        return self.processes()

    def wait_until_empty(self, seconds: float) -> float:
        """Wait until nothing is left; return how long that took. Fail the test if it takes longer."""
        begun = time.monotonic()
        while left := self.left():
            assert time.monotonic() < begun + seconds, left
            time.sleep(0.02)
        return time.monotonic() - begun


def ssh_place(sshd: Sshd, run: str, scratch: pathlib.Path, **options: Any) -> Place:
    """Return a place behind an sshd whose sessions have `scratch` as TMPDIR."""
    host = SshHost(sshd.client, name="db1.example.org", **options)
    home = pathlib.Path(sshd.environment["HOME"])
    folder = home / ".cache" / "proven"
    archive = f"{folder}/agent-"
    return Place(host, run, archive, scratch, folder / "runs")


def query(server: DatabaseServer, sql: str) -> dict[str, Any]:
    """Return a job: that statement."""
    job = {"protocol": 1, "job": "query", "source": server.admin, "tools": server.tools, "schema": "", "time_limit": 120.0}
    return {**job, "sql": sql}


def give(running: Running, job: dict[str, Any]) -> None:
    """Give an agent its job."""
    running.stdin.write(json.dumps(job).encode() + b"\n")
    running.stdin.flush()


def _pids() -> list[int]:
    return [int(directory.name) for directory in pathlib.Path("/proc").glob("[0-9]*")]


def _command(pid: int) -> list[str]:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []
