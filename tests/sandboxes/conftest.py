"""One case for every kind of sandbox and every flavour."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import cast

import pytest

from include.proven import servers
from tests.sandboxes.kinds import KINDS, SERIES, Case, Flavour
from tests.servers import machine


@pytest.fixture
def directory() -> Iterator[pathlib.Path]:
    """A directory that an unprivileged user can enter, which pytest's own are not."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="proven-test-", dir="/var/tmp"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        machine.remove_all(made / "sandboxes" / "machines")
        for place in made.glob("*/proven-*"):
            servers.kill_processes(place / "data")
        shutil.rmtree(made)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every kind and flavour to a test that has a `case`; in `test_<kind>.py`, that kind."""
    if "case" in metafunc.fixturenames:
        named = metafunc.module.__name__.rpartition("test_")[2]
        kinds = [named] if named in KINDS else list(KINDS)
        pairs = [(kind, flavour) for kind in kinds for flavour in SERIES]
        metafunc.parametrize("case", pairs, ids="-".join, indirect=True)


@pytest.fixture
def case(request: pytest.FixtureRequest, directory: pathlib.Path) -> Case:
    """A kind of sandbox, with the programs of one flavour."""
    kind, flavour = request.param
    path: list[pathlib.Path] = request.getfixturevalue(f"{flavour}_path")
    if kind != "local":
        request.getfixturevalue("machines_can_be_had")
    place = directory / "sandboxes"
    if kind == "ec2":
        request.getfixturevalue("ec2_region").lend(place, path)
    return Case(KINDS[kind](place, path), cast(Flavour, flavour), place, path, kind)
