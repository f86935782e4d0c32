"""Where a recovery point is restored: one module a kind, one short contract (`contract.py`)."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from include.proven.errors import ConfigError
from include.proven.fleet import sandboxes as fleet_sandboxes
from include.proven.sandboxes.contract import Sandbox
from include.proven.sandboxes.local import LocalSandbox


def open_sandbox(name: str, config: fleet_sandboxes.Sandbox, tools: Sequence[pathlib.Path]) -> Sandbox:
    """Return the sandbox that the fleet configures under `name`. `tools` are directories searched for programs before PATH."""
    match config:
        case fleet_sandboxes.LocalSandbox():
            return LocalSandbox(name, config, tools)
        case _:
            raise ConfigError(f"sandbox {name}: kind {config.kind} is not there yet")
