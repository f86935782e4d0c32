"""Fixture `make_fleet`: a fleet file, its connections and its environment, over real servers."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from include.proven import servers
from include.proven.demo.keys import DemoKeys
from include.proven.installation import Installation, open_installation
from tests.servers.databases import DatabaseServer
from tests.servers.swift import Swift

CHECKOUT = pathlib.Path(__file__).parents[2]
RECIPIENTS = ["backup@proven.invalid", "escrow@proven.invalid"]


@dataclasses.dataclass
class FleetFiles:
    """A fleet on disk. Change `document` or `connections` and call `write` to break it on purpose."""

    folder: pathlib.Path
    document: dict[str, Any]
    connections: dict[str, dict[str, Any]]
    gpg_home: pathlib.Path
    container: str
    scratch: pathlib.Path
    """$TMPDIR of every process of this fleet: it marks them."""

    @property
    def variables(self) -> dict[str, str]:
        """The environment that makes the command line and Airflow use this fleet."""
        return {
            "PROVEN_FLEET": str(self.folder / "fleet.yaml"),
            "PROVEN_CONNECTIONS": str(self.folder / "connections.json"),
            "PROVEN_GNUPG_HOME": str(self.gpg_home),
            "PROVEN_HOME": str(self.folder / "state"),
            "TMPDIR": str(self.scratch),
        }

    def write(self) -> None:
        """Write the fleet file and the connections."""
        (self.folder / "fleet.yaml").write_text(yaml.safe_dump(self.document, sort_keys=False))
        path = self.folder / "connections.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.connections))

    def add_store(self, name: str, **config: Any) -> None:
        """Give every database another store, the last of its stores, and write it."""
        self.document["stores"][name] = config
        for database in self.document["databases"].values():
            database["stores"].append(name)
        self.write()

    def add_swift(self, name: str, swift: Swift, **config: Any) -> str:
        """Do `add_store` with a container of its own on `swift`, and return the container's name."""
        container = f"t{secrets.token_hex(4)}"
        self.connections[name] = swift_connection(swift)
        self.add_store(name, kind="swift", connection=name, container=container, prefix="backups", **config)
        return container

    def open(self, monkeypatch: pytest.MonkeyPatch) -> Installation:
        """Open the installation in this process."""
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)
        return open_installation()

    def run(self, *arguments: str, timeout: float = 300, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command line as an operator does, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "include.proven.cli", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, **self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


MakeFleet = Callable[..., FleetFiles]


@pytest.fixture
def sandbox_directory() -> Iterator[pathlib.Path]:
    """Give a directory that a sandbox's unprivileged user can enter, with a path short enough for a socket."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="proven-sandboxes-", dir="/var/tmp"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def closed_port() -> int:
    """Give a port of the loopback on which nobody listens."""
    return servers.choose_port()


@pytest.fixture
def scratch() -> Iterator[pathlib.Path]:
    """Give a directory for temporary files, with a path short enough for the sockets of gpg."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="proven-scratch-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def make_fleet(
    tmp_path: pathlib.Path, swift: Swift, gpg_home: DemoKeys, sandbox_directory: pathlib.Path, scratch: pathlib.Path
) -> MakeFleet:
    """Give `make_fleet(source, schemas=[…], name="shop", endpoint=pager.url)`: one database on a container of its own."""

    def make(
        source: DatabaseServer, *, name: str = "shop", endpoint: str = "http://127.0.0.1:9/", **database: Any
    ) -> FleetFiles:
        container = f"t{secrets.token_hex(4)}"
        connections = {
            "source": {"conn_type": "mysql", **_server(source)},
            "swift": swift_connection(swift),
            "pager": {"conn_type": "http", "password": secrets.token_hex(16)},
        }
        document = {
            "version": 1,
            "spread": None,
            "gnupg": {"home": str(gpg_home.home), "recipients": RECIPIENTS, "signer": RECIPIENTS[0]},
            "tools": [str(path) for path in source.path],
            "stores": {"swift": {"kind": "swift", "connection": "swift", "container": container, "prefix": "backups"}},
            "sandboxes": {"local": {"kind": "local", "directory": str(sandbox_directory)}},
            "pages": {"routes": {"oncall": {"kind": "pagerduty", "connection": "pager", "endpoint": endpoint}}},
            "databases": {name: _database(source, **database)},
        }
        files = FleetFiles(tmp_path, document, connections, gpg_home.home, container, scratch)
        files.write()
        return files

    return make


def swift_connection(swift: Swift) -> dict[str, Any]:
    """Return a connection to Swift as a file of connections holds it."""
    stored = swift.connection()
    return {"conn_type": "swift", "host": stored.host, "login": stored.login, "password": stored.password}


def _server(source: DatabaseServer) -> dict[str, Any]:
    endpoint = source.endpoint
    return {"host": endpoint["host"], "port": endpoint["port"], "login": endpoint["user"], "password": endpoint["password"]}


def _database(source: DatabaseServer, **changes: Any) -> dict[str, Any]:
    return {
        "connection": "source",
        "engine": source.flavour,
        "schedule": None,
        "objectives": {"rpo": "26h", "rto": "1h"},
        "stores": ["swift"],
        "sandbox": "local",
        "owner": "tests",
        "contacts": ["oncall"],
        **changes,
    }
