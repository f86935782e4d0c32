"""One module a command: its docstring is its help, `add_arguments` its arguments, `run` returns the exit status.

Only the module of the command that was typed is imported: all of them together take more than a second.
"""

from __future__ import annotations

import importlib
from types import ModuleType

COMMANDS = {
    "demo": "demo",
    "up": "up",
    "down": "down",
    "check": "check",
    "watch": "watch",
    "list": "listing",
    "show": "show",
    "report": "report",
    "digest": "digest",
    "metrics": "metrics",
    "pages": "pages",
    "acknowledge": "acknowledge",
    "backup": "backup",
    "stream": "stream",
    "drill": "drill",
    "sabotage": "sabotage",
    "restore": "restore",
    "copy": "copy",
    "fetch": "fetch",
    "sandboxes": "sandboxes",
    "reap": "reap",
    "sweep": "sweep",
    "prune": "prune",
    "rotate": "rotate",
    "pools": "pools",
}
"""Command → its module here, in the order of the help."""


def load(name: str) -> ModuleType:
    """Import and return the module of a command."""
    return importlib.import_module(f"{__name__}.{COMMANDS[name]}")
