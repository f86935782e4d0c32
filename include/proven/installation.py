"""One installation, opened: the fleet file's names turned into stores, sandboxes, keys and tools.

Everything that acts (backup, drill, restore, the DAGs, the command line) takes an Installation, so that nothing else reads
the fleet file or a connection.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable

from include.proven import connections, engines, sandboxes, stores
from include.proven.agent import protocol
from include.proven.catalog import Catalog
from include.proven.encryption import keyring
from include.proven.engines.contract import DumpTools, Engine
from include.proven.errors import ConfigError, SourceError
from include.proven.fleet import load, model
from include.proven.fleet.databases import Database
from include.proven.fleet.pages import FLEET
from include.proven.hosts.contract import Host
from include.proven.hosts.local import LocalHost
from include.proven.proof.user_checks import loading
from include.proven.proof.user_checks.check import UserCheck
from include.proven.sandboxes.contract import Endpoint, Sandbox
from include.proven.stores.contract import Store


def hide_nothing(secret: str) -> None:
    """Do nothing: outside Airflow no log needs masking, because no secret is ever logged."""


@dataclasses.dataclass
class Installation:
    """The fleet and what its names stand for."""

    fleet: model.Fleet
    hide: Callable[[str], None] = hide_nothing
    """Called with every secret before it is used: Airflow's `mask_secret` at the edge."""

    @functools.cached_property
    def keyring(self) -> keyring.Keyring:
        """The GnuPG keys."""
        return keyring.Keyring(self.fleet.gnupg)

    def database(self, name: str) -> Database:
        """Return the database of that exact name. Raise ConfigError, with a suggestion, if there is none."""
        return self.fleet.database(name)

    def stores_of(self, name: str) -> list[str]:
        """Return the names of a database's stores; of all stores of the fleet for `fleet.pages.FLEET`."""
        return sorted(self.fleet.stores) if name == FLEET else self.database(name).stores

    def user_checks(self, name: str) -> list[UserCheck]:
        """Return the database's own checks, by file name. Raise one ConfigError that lists what is wrong with their files."""
        folder = self.fleet.checks_folder(name)
        return loading.load_checks(folder, self.database(name).proof.check_time_limit.total_seconds()) if folder else []

    def questions(self, name: str) -> list[protocol.Question]:
        """Return those of the checks that a backup asks of the source.

        None where their files can't be read: that loses no backup, and its drills say that the source was not asked.
        """
        try:
            return [check.question for check in self.user_checks(name) if check.compares_source]
        except ConfigError:
            return []

    def store(self, name: str) -> Store:
        """Open the store of that name in the fleet."""
        config = self.fleet.store(name)
        return stores.open_store(name, config, self.connection)

    def job_store(self, name: str, sandbox: str = "") -> protocol.JobStore:
        """Return a store as a job takes it; as one in that sandbox does, with its share of what all of them may read."""
        config = self.fleet.store(name)
        limits = [config.bandwidth_limit]
        if sandbox and (common := self.fleet.sandboxes[sandbox].bandwidth_limit):
            limits.append(common / self.fleet.sandboxes[sandbox].at_once)
        bandwidth = min((limit for limit in limits if limit), default=0.0)
        return protocol.JobStore(name=name, parallel=config.parallel, bandwidth=bandwidth)

    def catalog(self, database: str, store: str = "") -> Catalog:
        """Open the catalog of one store: of that name, or the first that the database's recovery points go to."""
        return Catalog(self.store(store or self.database(database).stores[0]), self.keyring)

    def sandbox(self, name: str) -> Sandbox:
        """Open the sandbox of that name in the fleet."""
        return sandboxes.open_sandbox(name, self.fleet.sandboxes[name], self.fleet.tools, self.connection)

    def engine(self, database: str) -> Engine:
        """Return the engine of a database."""
        return engines.engine(self.database(database).engine)

    def tools(self, engine: Engine) -> protocol.Tools:
        """Return an engine's tools as a job takes them."""
        return self.as_job_tools(engine.tools())

    def physical(self, engine: str) -> DumpTools:
        """Return the tools of an engine's method `physical`. Raise ConfigError if it has none."""
        found = engines.engine(engine).physical()
        if found is None:
            raise ConfigError(f"{engine} has no tool of the method physical", hint="Name a `clone_folder` for the database.")
        return found

    def as_job_tools(self, tools: DumpTools) -> protocol.Tools:
        """Return tools as a job takes them."""
        return protocol.Tools(
            dump=tools.dump,
            client=tools.client,
            version=tools.version,
            binlog=tools.binlog,
            snapshot_marker=tools.snapshot_marker,
            end_marker=tools.end_marker,
            path=[str(path) for path in self.fleet.tools],
        )

    def host_of(self, database: str) -> Host:
        """Return the host on which a database's backups run; the caller closes it. It is logged in to by its first agent."""
        name = self.database(database).host
        if name is None:
            return LocalHost()
        # imported here, for paramiko takes half a second, which most installations never need
        from include.proven.hosts import ssh, ssh_client

        connection = self.connection(name)
        return ssh.SshHost(lambda: ssh_client.open_client(connection), name=connection.host or name, error=SourceError)

    def source(self, database: str) -> protocol.Endpoint:
        """Return the address and account of a database, from its connection."""
        return self.server_of(self.database(database).connection, self.database(database).engine)

    def server_of(self, connection_name: str, flavour: str) -> protocol.Endpoint:
        """Return the address and account that a connection names."""
        found = self.connection(connection_name)
        return protocol.Endpoint(
            flavour=flavour,
            socket=str(found.extra.get("unix_socket", "")),
            host=found.host,
            port=found.port or 3306,
            user=found.login,
            password=found.password,
        )

    def connection(self, name: str) -> connections.Connection:
        """Resolve a connection and hide its password."""
        found = connections.resolve(name)
        if found.password:
            self.hide(found.password)
        return found


def open_installation(path: pathlib.Path | None = None, *, hide: Callable[[str], None] = hide_nothing) -> Installation:
    """Read the fleet file (default: `$PROVEN_FLEET` or include/fleet.yaml). Raise ConfigError with all its faults."""
    return Installation(load.load(path), hide)


def as_job_endpoint(endpoint: Endpoint) -> protocol.Endpoint:
    """Return a sandbox's endpoint as a job takes it."""
    return protocol.Endpoint(
        flavour=endpoint.flavour,
        socket=endpoint.socket,
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password,
    )
