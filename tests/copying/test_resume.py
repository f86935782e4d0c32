"""Killed half-way, a copy or a fetch goes on where it was, and carries less than a third twice: counted on the wire."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.proven.installation import Installation
from tests.agent import processes
from tests.copying.points import NAME, put_noise
from tests.servers.fault_proxy import FaultProxy
from tests.servers.fleets import CHECKOUT, FleetFiles
from tests.servers.s3 import S3
from tests.servers.swift import Swift

SIZE = 64 * 1024 * 1024
PART = 8 * 1024 * 1024
SLOWLY = "16 MB/s"
"""So that there is a half-way."""
AT_MOST = SIZE * 4 / 3

Kill = Callable[["Controller"], None]


@dataclasses.dataclass
class Wires:
    """Proxies before Swift and S3 that do nothing but count."""

    swift: FaultProxy
    s3: FaultProxy

    def up(self) -> int:
        """Return how many bytes of artifacts were sent to the servers, whether or not they have kept them."""
        counts = [*self.swift.bytes_up.items(), *self.s3.bytes_up.items()]
        return sum(count for path, count in counts if NAME in path)

    def down(self) -> int:
        """Return how many bytes of artifacts came from Swift."""
        return sum(count for path, count in self.swift.bytes_down.items() if NAME in path)


@pytest.fixture
def wires(swift: Swift, moto: S3) -> Iterator[Wires]:
    """Nothing has passed yet."""
    with FaultProxy(swift.server.url, seed=0, share=0) as one, FaultProxy(moto.endpoint_url, seed=0, share=0) as other:
        yield Wires(one, other)


@pytest.fixture
def files(files: FleetFiles, swift: Swift, moto: S3, wires: Wires) -> FleetFiles:
    """The stores `far` (Swift), `far_s3` and `disk` are slow; the first two lie behind the wires that count."""
    stores, near = files.document["stores"], files.connections
    host = swift.connection().host.replace(swift.server.url, wires.swift.url)
    extra = dict(moto.connection(endpoint_url=wires.s3.url).extra)
    files.connections |= {"far": {**near["swift"], "host": host}, "far_s3": {**near["s3"], "extra": extra}}
    stores["far"] = {**stores["swift"], "connection": "far", "container": f"{files.container}far"}
    stores["far_s3"] = {**stores["s3"], "connection": "far_s3"}
    for name in ("far", "far_s3", "disk"):
        stores[name]["bandwidth_limit"] = SLOWLY
    files.write()
    return files


@dataclasses.dataclass
class Controller:
    """A process that copies or fetches."""

    process: subprocess.Popen[str]

    def wait_for_half(self) -> None:
        """Return when half of what there is to carry has been carried."""
        for event in self.events():
            if event.get("stage") in {"copy", "fetch"} and event["bytes"] >= SIZE / 2:
                return
        pytest.fail("it ended before it was half-way")

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout
        for line in self.process.stdout:
            yield json.loads(line)

    def finish(self) -> dict[str, Any]:
        """Wait for the end and return the last line."""
        *_, last = self.events()
        self.process.wait()
        return last

    def agents(self) -> set[int]:
        return processes.children(self.process.pid) - {self.process.pid}


@pytest.fixture
def start(files: FleetFiles) -> Iterator[Callable[..., Controller]]:
    """Give `start("copy", POINT, SOURCE, TARGET)`. No controller outlives the test."""
    with contextlib.ExitStack() as stack:

        def run(*arguments: str) -> Controller:
            argv = [sys.executable, "-m", "tests.copying.controller", *arguments]
            environment = {**os.environ, **files.variables}
            process = stack.enter_context(
                subprocess.Popen(argv, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            return Controller(process)

        yield run


def kill_controller(running: Controller) -> None:
    """Kill -9 the controller: its agent ends by itself."""
    agents = running.agents()
    assert agents
    running.process.kill()
    running.process.wait()
    processes.wait_until(lambda: not any(processes.program(pid) for pid in agents), 10)


def kill_agent(running: Controller) -> None:
    """Kill -9 the agent: its controller says so, and that what was carried stays."""
    (agent,) = running.agents()
    os.kill(agent, signal.SIGKILL)
    error = running.finish()["error"]
    assert error["kind"] == "tool"
    assert "run it again, and it goes on from there" in error["hint"]


@pytest.mark.parametrize(("kill", "target"), [(kill_controller, "far"), (kill_agent, "far"), (kill_controller, "far_s3")])
def test_a_copy_goes_on_where_it_was(
    kill: Kill, target: str, start: Callable[..., Controller], opened: Installation, wires: Wires
) -> None:
    point = put_noise(opened, "swift", SIZE, PART).recovery_point
    first = start("copy", point, "swift", target)
    first.wait_for_half()
    kill(first)
    assert opened.catalog("shop", target).recovery_points("shop") == []
    assert wires.up() < SIZE

    copied = start("copy", point, "swift", target).finish()
    assert copied["sent_bytes"] + copied["held_bytes"] == SIZE
    assert SIZE <= wires.up() < AT_MOST
    assert opened.catalog("shop", target).recovery_points("shop") == [point]


def test_a_copy_to_a_disk_goes_on_where_it_was(start: Callable[..., Controller], opened: Installation, wires: Wires) -> None:
    point = put_noise(opened, "far", SIZE, PART).recovery_point
    first = start("copy", point, "far", "disk")
    first.wait_for_half()
    kill_controller(first)
    copied = start("copy", point, "far", "disk").finish()
    assert copied["sent_bytes"] + copied["held_bytes"] == SIZE
    assert SIZE <= wires.down() < AT_MOST


@pytest.mark.parametrize("kill", [kill_controller, kill_agent])
def test_a_fetch_goes_on_where_it_was(
    kill: Kill, start: Callable[..., Controller], opened: Installation, wires: Wires, tmp_path: pathlib.Path
) -> None:
    point, folder = put_noise(opened, "far", SIZE, PART).recovery_point, tmp_path / "fetched"
    first = start("fetch", point, "far", str(folder))
    first.wait_for_half()
    kill(first)
    assert [path.name for path in folder.iterdir()] == [f".{NAME}.partial"]

    fetched = start("fetch", point, "far", str(folder)).finish()
    assert fetched["fetched_bytes"] + fetched["held_bytes"] == SIZE
    assert SIZE <= wires.down() < AT_MOST
    assert {path.name for path in folder.iterdir()} == {NAME, "manifest.json", "manifest.json.asc"}
