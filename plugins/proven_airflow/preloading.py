"""What a task and a DAG file import is there before they begin: a listener, called when a component of Airflow starts.

The scheduler forks its tasks (LocalExecutor) and the DAG processor each reading of a file. Each of these imported the same
anew, for a second of a core, and that every few seconds. So new code of ours takes effect when both are started again.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
from typing import Any

from airflow.listeners import hookimpl

FORKING = {"scheduler", "dag-processor"}


@hookimpl
def on_starting(component: Any) -> None:
    """Import what the children of a component that forks need; its own job does not say yet which one it is."""
    if FORKING & set(sys.argv[1:2]):
        import_steps()


def import_steps() -> None:
    """Import what the DAG files name: the steps of every DAG, and with them all that they need, and the pools of drills."""
    steps = sorted(pathlib.Path(__file__).parent.glob("*_steps.py"))
    for name in (*(f"{__package__}.{file.stem}" for file in steps), "include.proven.pools"):
        importlib.import_module(name)
