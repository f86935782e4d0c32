"""A local sandbox of one flavour, with settings of the fleet that a test chooses."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from typing import Any

import pytest

from include.proven import servers
from include.proven.errors import SandboxError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes import local
from include.proven.sandboxes.contract import Order
from tests.sandboxes import kinds

NAME = "proven-20261121t043600z-drill-1c9e22ab"


@dataclasses.dataclass
class LocalCase:
    """Sandboxes in a directory that goes after the test."""

    flavour: kinds.Flavour
    directory: pathlib.Path
    path: list[pathlib.Path]

    def __post_init__(self) -> None:
        self.configure()

    def configure(self, **config: Any) -> None:
        """Give the sandbox these settings in the fleet."""
        whole = fleet_sandboxes.LocalSandbox(kind="local", directory=self.directory, **config)
        self.sandbox = local.LocalSandbox("local", whole, self.path)

    @property
    def place(self) -> pathlib.Path:
        """The folder of the sandbox `NAME`."""
        return self.directory / NAME

    def create(self, name: str = NAME) -> None:
        """Create a sandbox."""
        self.sandbox.create(Order(name, kinds.a_server(self.flavour), 1000))

    def ask(self, sql: str) -> list[list[str]]:
        """Run SQL in the sandbox `NAME`. Fail the test with the client's words if it is refused."""
        return kinds.ask(self.flavour, self.sandbox.instance(NAME).endpoint, self.path, sql)

    def servers(self) -> list[int]:
        """Return the ids of the processes that serve the sandbox `NAME`."""
        return servers.find_processes(self.place / "data")

    def guards(self) -> list[int]:
        """Return the ids of its guards."""
        return servers.find_processes(self.place / "data", option=local.GUARD_OPTION)

    def wait_until_dead(self, seconds: float) -> SandboxError:
        """Return what the sandbox says of a server that ends by itself. Fail the test if it does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.sandbox.instance(NAME)
            except SandboxError as error:
                return error
            time.sleep(0.1)
        pytest.fail(f"the server still answers after {seconds} s")
