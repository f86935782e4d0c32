"""Fixtures of the agent's tests."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from include.proven.encryption import gpg
from tests.agent.jobs import Keys
from tests.agent.object_server import objects, others

__all__ = ["objects", "others"]


@pytest.fixture(scope="session")
def keys() -> Iterator[Keys]:
    """A fresh key pair. Its home has a short path: gpg-agent's socket lies in it."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="gpg-", dir="/tmp"))
    yield Keys(home).create()
    for used in (home, *home.glob("*/")):  # a test may have made a home in the home
        gpg.stop_agents(used)
    shutil.rmtree(home)
