"""Is the sandbox of a drill isolated? It is asked before any data arrives, and on every kind in the same way."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from typing import Any

from include.proven import agent_client, engines
from include.proven.agent import looks, protocol
from include.proven.errors import SandboxError
from include.proven.installation import Installation, as_job_endpoint
from include.proven.sandboxes.contract import Instance


def look(installation: Installation, database: str, flavour: str, instance: Instance) -> list[dict[str, Any]]:
    """Return what an agent on the sandbox's host has found (`looks.Finding`), on the server and in the network it sees."""
    job = looks.IsolationJob(
        protocol=protocol.VERSION,
        job="isolation",
        source=as_job_endpoint(instance.endpoint),
        tools=installation.tools(engines.engine(flavour)),
        inside=list(instance.inside),
        unreachable=addresses(installation, database),
    )
    found: list[dict[str, Any]] = agent_client.run(job, host=instance.host)["findings"]
    return found


def require(findings: Sequence[dict[str, Any]]) -> None:
    """Raise SandboxError, naming all that was found wrong, if anything was."""
    wrong = [finding["said"] for finding in findings if not finding["ok"]]
    if wrong or not findings:
        raise SandboxError(
            f"sandbox is not isolated: {'; '.join(wrong) or 'nothing was found out'}",
            hint="No data was brought into it. See docs/decisions/0013-isolation.md: restored code must reach nobody and do "
            "nothing by itself. Where the source can be reached, let the sandbox's network end before it.",
        )


def addresses(installation: Installation, database: str) -> list[looks.Address]:
    """Return every address at which a database's server listens, names resolved as they are here; none for a unix socket.

    A server beside which the backups run is known there as `localhost`: the address of its machine counts as well.
    """
    source = installation.source(database)
    if source["socket"]:
        return []
    machine = installation.database(database).host
    hosts = [source["host"] or "localhost", *([installation.connection(machine).host] if machine else [])]
    found = {address: None for host in hosts for address in _resolve(host)}
    return [looks.Address(host=address, port=source["port"]) for address in found]


def _resolve(host: str) -> list[str]:
    """Return the addresses of a name. One that is not known here stays a name: where the sandbox is it may be known."""
    with contextlib.suppress(socket.gaierror):
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    return [host]
