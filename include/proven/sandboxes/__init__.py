"""Where a recovery point is restored: one module a kind, one short contract (`contract.py`)."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from include.proven.fleet import model
from include.proven.sandboxes.contract import Sandbox
from include.proven.sandboxes.local import LocalSandbox


def open_sandbox(name: str, config: model.Sandbox, tools: Sequence[pathlib.Path]) -> Sandbox:
    """Return the sandbox that the fleet configures under `name`. `tools` are directories searched for programs before PATH."""
    return LocalSandbox(name, config, tools)
