"""The kinds of sandboxes that the conformance suite runs on, and how a test looks inside one."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import Callable
from typing import Any, Literal

from include.proven import agent_client, engines, sandboxes
from include.proven.agent import protocol
from include.proven.agent.protocol import Endpoint as AgentEndpoint
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.installation import as_job_endpoint
from include.proven.manifest import Server
from include.proven.sandboxes.contract import Endpoint, Order, Sandbox
from include.proven.sandboxes.machines import MachineSandbox
from tests.sandboxes.moto_machines import open_ec2
from tests.sandboxes.yard import Fault, Yard
from tests.servers import databases

Flavour = Literal["mariadb", "mysql"]
SERIES: dict[Flavour, str] = {"mariadb": "10.11.1-MariaDB", "mysql": "9.7.0"}
OpenKind = Callable[..., Sandbox]
"""Given a directory, directories of programs, and settings of the fleet by name, opens a sandbox."""


def open_local(directory: pathlib.Path, path: list[pathlib.Path], **config: Any) -> Sandbox:
    """Open a local sandbox below `directory`."""
    return sandboxes.open_sandbox("local", fleet_sandboxes.LocalSandbox(kind="local", directory=directory, **config), path)


def machine_config(**changes: Any) -> fleet_sandboxes.MachineSandbox:
    """Return what a fleet says of a sandbox of machines, with both flavours' images."""
    config = {
        "images": {"mariadb-10.11": "debian-12", "mysql-9.7": "debian-sid"},
        "sizes": ["tiny", "small", "diskless"],
        "ready_time_limit": datetime.timedelta(seconds=60),
    }
    return fleet_sandboxes.MachineSandbox(**{**config, **changes})


def open_machines(directory: pathlib.Path, path: list[pathlib.Path], *faults: Fault, **config: Any) -> MachineSandbox:
    """Open a sandbox of machines in a yard in `directory`."""
    return MachineSandbox("yard", machine_config(**config), Yard(directory, path, *faults), seed="", settle_seconds=1.5)


KINDS: dict[str, OpenKind] = {"local": open_local, "machine": open_machines, "ec2": open_ec2}


def a_server(flavour: Flavour, version: str = "", **settings: str) -> Server:
    """Return what a manifest says of a source of that flavour: of the series that is installed here, if not told otherwise."""
    return Server(flavour=flavour, version=version or SERIES[flavour], identity="x", hostname="x", settings=settings)


@dataclasses.dataclass
class Case:
    """One kind of sandbox with one flavour of server, in a directory that goes after the test."""

    sandbox: Sandbox
    flavour: Flavour
    directory: pathlib.Path
    path: list[pathlib.Path]
    kind: str

    def reopen(self, **config: Any) -> Sandbox:
        """Open the same sandbox as another process would, with these settings of the fleet."""
        return KINDS[self.kind](self.directory, self.path, **config)

    def order(self, name: str, **settings: str) -> Order:
        """Return an order for a small source of this flavour."""
        return Order(name, a_server(self.flavour, **settings), 1000)

    def create(self, name: str, *, data_bytes: int = 1000, **settings: str) -> Endpoint:
        """Create a sandbox for a source of this flavour, and return its endpoint there when it is ready."""
        self.sandbox.create(Order(name, a_server(self.flavour, **settings), data_bytes))
        instance = self.sandbox.ready(name)
        instance.host.close()
        return instance.endpoint

    def ask(self, name: str, sql: str) -> list[list[str]]:
        """Run SQL in a sandbox with the engine's own client and return the rows as text. Fail the test if it is refused."""
        with self.sandbox.reach(name) as endpoint:
            return ask(self.flavour, endpoint, self.path, sql)

    def read_log(self, name: str) -> dict[str, Any]:
        """Return what an agent on a sandbox's host reads in its server's log."""
        instance = self.sandbox.instance(name)
        with contextlib.closing(instance.host):
            tools = {**vars(engines.engine(self.flavour).tools()), "path": [str(folder) for folder in self.path]}
            job = {
                "protocol": protocol.VERSION, "job": "inspect", "source": as_job_endpoint(instance.endpoint), "tools": tools,
                "schemas": ["mysql"], "take": ["server_log"], "like": {}, "time_limit": 60.0, "log": instance.log,
            }  # fmt: skip
            found: dict[str, Any] = agent_client.run(job, host=instance.host)["server_log"]
            return found


def ask(flavour: Flavour, endpoint: Endpoint, path: list[pathlib.Path], sql: str) -> list[list[str]]:
    """Run SQL at an endpoint that is reached from here, and return the rows as text. Fail the test if it is refused."""
    target = AgentEndpoint(
        flavour=endpoint.flavour,
        socket=endpoint.socket,
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password,
    )
    done = databases.run_tool(engines.engine(flavour).tools().client, target, path, sql.encode())
    assert done.returncode == 0, done.stderr.decode()
    return [line.split("\t") for line in done.stdout.decode().split("\n") if line]
