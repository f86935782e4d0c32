"""One case for every kind of sandbox and every flavour."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import cast

import pytest

from include.proven import servers
from tests.sandboxes.kinds import KINDS, Case, Flavour


@pytest.fixture
def directory() -> Iterator[pathlib.Path]:
    """A directory that an unprivileged user can enter, which pytest's own are not."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="proven-test-", dir="/var/tmp"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        for place in made.glob("*/proven-*"):
            servers.kill_processes(place / "data")
        shutil.rmtree(made)


@pytest.fixture(params=[(kind, flavour) for kind in KINDS for flavour in ("mariadb", "mysql")], ids="-".join)
def case(request: pytest.FixtureRequest, directory: pathlib.Path) -> Case:
    """A kind of sandbox, with the programs of one flavour."""
    kind, flavour = request.param
    path: list[pathlib.Path] = request.getfixturevalue(f"{flavour}_path")
    place = directory / "sandboxes"
    return Case(KINDS[kind](place, path), cast(Flavour, flavour), place, path)
