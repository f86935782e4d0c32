"""Where a recovery point is restored: one module a kind, one short contract (`contract.py`)."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

from include.proven import connections
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes.contract import Sandbox
from include.proven.sandboxes.local import LocalSandbox

Connect = Callable[[str], connections.Connection]
"""Finds a connection by its name."""


def open_sandbox(
    name: str, config: fleet_sandboxes.Sandbox, tools: Sequence[pathlib.Path], connect: Connect = connections.resolve
) -> Sandbox:
    """Return the sandbox that the fleet configures under `name`. Nothing is asked of a cloud yet.

    `tools` are directories of this machine that are searched for programs before PATH. The clients of the clouds, and SSH's,
    are imported here: whoever uses this machine need not wait for them.
    """
    match config:
        case fleet_sandboxes.LocalSandbox():
            return LocalSandbox(name, config, tools)
        case fleet_sandboxes.NovaSandbox():
            from include.proven.sandboxes.machines import MachineSandbox
            from include.proven.sandboxes.nova import NovaCloud

            return MachineSandbox(name, config, NovaCloud(config, connect(config.connection)), _seed(config, connect))
        case fleet_sandboxes.EC2Sandbox():
            from include.proven.sandboxes.ec2 import EC2Cloud
            from include.proven.sandboxes.machines import MachineSandbox

            return MachineSandbox(name, config, EC2Cloud(config, connect(config.connection)), _seed(config, connect))


def _seed(config: fleet_sandboxes.MachineSandbox, connect: Connect) -> str:
    """Return what the machines' keys are derived from, if the fleet names it."""
    return connect(config.seed).password if config.seed else ""
