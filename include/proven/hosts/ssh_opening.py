"""Who opens SSH connections: Airflow's hook, if we run inside it, else `ssh_client`.

This module does without paramiko, whose import takes half a second: whoever has no host besides this machine should not wait
for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from include.proven import connections

if TYPE_CHECKING:
    import paramiko

OpenClient = Callable[[connections.Connection, "Sequence[paramiko.PKey]", float], "paramiko.SSHClient | None"]
"""Given a connection, the keys of which the host must show one, and a time limit for each step (seconds), logs in, or returns
None: then ours is used."""

_openers: list[OpenClient] = []


def use_clients(opener: OpenClient | None) -> None:
    """Let `opener` log in where it can; None: do it here."""
    _openers[:] = [opener] if opener else []


def open_client(
    connection: connections.Connection, trusted: Sequence[paramiko.PKey], timeout: float
) -> paramiko.SSHClient | None:
    """Return the client of the one who was let, or None. Raise whatever paramiko raises."""
    for opener in _openers:
        if client := opener(connection, trusted, timeout):
            return client
    return None
