"""The contract of an engine: which real tools dump, load and serve one flavour of database.

An engine knows argv lists and markers and nothing else: the agent runs them (`agent/protocol.py`), the sandbox and the demo
start servers with them (`servers.py`). Argv lists hold `{defaults}` where the option file with user, password and address is
named; the agent puts an anonymous pipe there, so no secret is ever an argument.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Protocol

from include.proven.manifest import Server


@dataclasses.dataclass(frozen=True)
class DumpTools:
    """What the agent runs beside the data."""

    dump: list[str]
    """The dump tool; schemas are appended after `--databases`."""
    client: list[str]
    """The command-line client in batch mode: fingerprint, inventory, canary and locks go through it, and the load."""
    version: list[str]
    """Prints the dump tool's version: it must not be older than the server (FAILURES A16)."""
    binlog: list[str]
    """The tool that fetches binary logs as they are, for as long as the server writes them; `{server_id}` is the number that it
    goes by there. Where to, from where on and the first log's name are appended. Only a stream needs it."""
    snapshot_marker: str
    """Text that the dump tool writes only after its snapshot is open."""
    end_marker: str
    """What the last line of a whole dump begins with."""


@dataclasses.dataclass(frozen=True)
class OpeningTools:
    """What makes a data directory of a stream of files. `{folder}` is one of the agent's."""

    extract: list[str]
    """Extracts such a stream from its standard input into `{folder}`."""
    prepare: list[str]
    """Brings the files in `{folder}` to one moment. Empty: the server that is started on them does so itself."""
    link: list[str]
    """Options of `prepare` that bring the pages of `{link}` into those of `{folder}`, which have been prepared."""
    end_marker: str
    """What `prepare` says last."""


class Engine(Protocol):
    """One flavour of database, and how it is backed up."""

    flavour: str

    def tools(self) -> DumpTools:
        """Return the tools that dump and load."""

    def physical(self) -> DumpTools | None:
        """Return the tools of the method `physical`; None where the server itself copies its files (`agent/clone.py`).

        `dump` streams the server's files, and leaves what it knows of them in `{folder}`; `snapshot_marker` is what it says
        when commits are held back, `end_marker` what it says last. The other tools are those of a dump.
        """

    def opening(self, artifact: str) -> OpeningTools:
        """Return what opens a stream of files, by the name of its artifact. Raise ConfigError if nothing does."""

    def server_programs(self) -> list[str]:
        """Return the programs that a scratch server needs, for a clear error when one is missing."""

    def initialise(self, datadir: pathlib.Path, settings: dict[str, str]) -> list[str]:
        """Return the argv that fills an empty data directory (account `root` without a password, by socket only)."""

    def serve(self, datadir: pathlib.Path, socket: pathlib.Path, settings: dict[str, str], options: Sequence[str]) -> list[str]:
        """Return the argv of a server in the foreground with our isolation options first and `options` last."""

    def first_statements(self) -> str:
        """Return the SQL, a statement a line, that a new scratch server runs before it answers: only `root` by socket is left.

        What else an installation makes (`root` by address, anonymous accounts) would stand beside the restored accounts.
        """

    def same_series(self, server: Server, version: str) -> bool:
        """Say whether a server program of that version may judge dumps of `server`: same flavour and major version."""

    def access_statements(self) -> str:
        """Return the SQL, a statement a line, by which a server on another's data directory lets us in as `root` by socket.

        That account is the server's own, which is neither carried over nor compared (`agent/accounts.py`).
        """

    def datadir_options(self, datadir: pathlib.Path) -> list[str]:
        """Return the options that a server needs to find the files of a data directory which is not its own (`datadirs.py`).
        Raise SandboxError for one that no such directory can need."""
