"""The contract of a sandbox: a throwaway database server that one drill is restored on.

Every implementation passes `tests/sandboxes/test_conformance.py`. A sandbox is found by its *name* (`ids.sandbox_name`) and by
nothing else, so that a teardown that knows only the drill can destroy what a killed task has built. Its life:

    create → ready → (agents on its host: isolation, restore, checks) → destroy

`create` only asks, so that many may be built at once; `ready` waits. Whoever is killed between the two leaves something that
`destroy` and `find` know. What goes wrong is a SandboxError with the kind's own words: the drill is unproven.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from typing import Protocol

from include.proven.errors import SandboxError
from include.proven.hosts.contract import Host
from include.proven.manifest import Server


class SandboxFullError(SandboxError):
    """There are as many sandboxes as there may be: wait for room."""


@dataclasses.dataclass(frozen=True)
class Order:
    """What is to be built, and for whom."""

    name: str
    server: Server
    """The source: its flavour and series are built, its settings hold."""
    data_bytes: int
    """Plain size of the dump: memory and disk are chosen and checked by it."""
    database: str = ""
    recovery_point: str = ""
    drill: str = ""
    tables: int = 0
    """How many tables the dump makes: each is a file, however few rows it has."""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """How to reach a sandbox's database, as the account that may do everything in it."""

    flavour: str
    socket: str = ""
    host: str = ""
    port: int = 0
    user: str = "root"
    password: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True)
class Instance:
    """A sandbox that is ready."""

    name: str
    host: Host
    """Where its agents run. Whoever got the instance closes it."""
    endpoint: Endpoint
    """Its database, as an agent on that host reaches it."""
    size: str
    """What is paid for: `local`, `m1.large`."""
    log: str
    """The server's error log on the host, born with the instance; agents there can read it."""
    inside: tuple[str, ...] = ()
    """Command that runs another one, on the host, in the network that the database server sees; empty: they see the same."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an agent on the sandbox's host puts a data directory together."""

    datadir: str
    """Its path, which is not there yet."""
    run_as: tuple[str, ...]
    """Command that runs another one as the user to whom it must belong, without any other right; empty: as the agent's."""


@dataclasses.dataclass(frozen=True)
class Found:
    """A sandbox that exists, whole or half built, or what is left of one (a security group, a volume)."""

    name: str
    created_at: datetime.datetime
    expires_at: datetime.datetime
    size: str = ""
    database: str = ""
    recovery_point: str = ""
    drill: str = ""


class Sandbox(Protocol):
    """A kind of throwaway instance, configured by the fleet."""

    name: str
    """Its name in the fleet file."""

    def create(self, order: Order) -> None:
        """Ask for the instance: of the source's flavour and series, isolated (no binlog, event scheduler off, no replication,
        no network beyond what the controller needs), with nothing in it. A name that exists is left as it is.

        Space and quota are checked before anything is built, as far as that can be known. Raise SandboxFullError if
        `at_once` of this sandbox exist; two that ask at the same moment never make one too many.
        """

    def ready(self, name: str) -> Instance:
        """Return the instance when its machine and its database answer and are the ones that were asked for.

        Raise SandboxError if it is not there, has failed, or is not ready within the kind's time limit.
        """

    def instance(self, name: str) -> Instance:
        """Return an instance that was ready before, without waiting. Raise SandboxError if it is not there or is dead."""

    def make_place(self, name: str) -> Place:
        """Return an empty place for a data directory of another server's, beside its own. Raise ConfigError if this kind of
        sandbox can't serve such a one."""

    def serve(self, name: str) -> None:
        """Have the server end, and begin anew, isolated as before, on the data directory that stands in its place now.

        Its own goes. Raise SandboxError if the server does not start on it.
        """

    def reach(self, name: str) -> contextlib.AbstractContextManager[Endpoint]:
        """Open a way to its database *from here*, by a tunnel if need be, for as long as the context is entered."""

    def destroy(self, name: str) -> bool:
        """Destroy the sandbox of that exact name, whole or half built, and all that was made for it; return when it is gone.

        Return False if there was nothing.
        """

    def find(self) -> Iterator[Found]:
        """Yield every sandbox of ours that exists, sorted by name, for the reaper and for counting."""
