"""What to do when a real server can't be had: never pass silently."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

NOT_HAD: dict[str, str] = {}
"""Server → reason; `tests/conftest.py` prints it as the last lines of the run."""


def give_up(server: str, reason: str) -> NoReturn:
    """Skip the tests of a server that can't be had on this machine. With CI in the environment that is a failure."""
    NOT_HAD[server] = reason.splitlines()[0]
    if os.environ.get("CI"):
        pytest.fail(f"{server} can't be had, and CI may not skip it: {reason}", pytrace=False)
    pytest.skip(f"{server} can't be had: {reason}")
