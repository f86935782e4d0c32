"""The contract of a sandbox: a throwaway database server that one drill is restored on.

Every implementation passes `tests/sandboxes/conformance.py`. A sandbox is found by its *name* (`ids.sandbox_name`) and by
nothing else, so that a teardown that knows only the drill can destroy what a killed task has built.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Protocol

from include.proven.manifest import Server


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """How to reach the sandbox's database from here, as the account that may do everything in it."""

    flavour: str
    socket: str = ""
    host: str = ""
    port: int = 0
    user: str = "root"
    password: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True)
class Found:
    """A sandbox that exists, whole or half built."""

    name: str
    created_at: datetime.datetime
    expires_at: datetime.datetime


class Sandbox(Protocol):
    """A kind of throwaway instance, configured by the fleet."""

    name: str
    """Its name in the fleet file."""

    def create(self, name: str, server: Server, *, data_bytes: int) -> Endpoint:
        """Build the instance for data of `server`'s flavour, major version and settings; return when it answers.

        It is isolated: no binlog, event scheduler off, no replication, no network beyond what the controller needs.
        `data_bytes` is the plain size of the dump: the space is checked before anything is built. Creating a name that
        exists returns the one that is there. Raise SandboxError (verdict: unproven) with the kind's own words.
        """

    def endpoint(self, name: str) -> Endpoint:
        """Return how to reach a sandbox that was created before. Raise SandboxError if it is not there or is dead."""

    def destroy(self, name: str) -> bool:
        """Destroy the sandbox of that exact name, whole or half built. Return False if there was none."""

    def find(self) -> Iterator[Found]:
        """Yield every sandbox of ours that exists, for the reaper."""
