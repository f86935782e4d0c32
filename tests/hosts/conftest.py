"""An sshd, and the places where agents run."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from include.proven import agent_archive
from include.proven.hosts.local import LocalHost
from tests.agent.conftest import keys
from tests.agent.object_server import objects
from tests.hosts.places import Place, ssh_place
from tests.servers.sshd import Sshd

__all__ = ["keys", "objects"]


@pytest.fixture
def scratch(tmp_path: pathlib.Path) -> pathlib.Path:
    """An empty directory for the agents' temporary files."""
    directory = tmp_path / "scratch"
    directory.mkdir()
    return directory


@pytest.fixture
def machine(tmp_path: pathlib.Path, scratch: pathlib.Path) -> Iterator[Sshd]:
    """A machine behind SSH, with an empty home."""
    home = tmp_path / "sshd" / "home"
    home.mkdir(parents=True)
    with Sshd(tmp_path / "sshd", environment={"HOME": str(home), "TMPDIR": str(scratch)}) as sshd:
        yield sshd


@pytest.fixture
def kept(machine: Sshd, scratch: pathlib.Path) -> Iterator[Place]:
    """Runs with a keeper, on the machine behind SSH."""
    place = ssh_place(machine, "restore-20261121T043512Z", scratch)
    yield place
    place.host.close()
    place.wait_until_empty(70.0)


@pytest.fixture(params=["local", "ssh", "kept"])
def place(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, scratch: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Every way in which an agent is run."""
    if request.param == "kept":
        yield request.getfixturevalue("kept")
        return
    if request.param == "local":
        monkeypatch.setenv("TMPDIR", str(scratch))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        archive = agent_archive.build_agent()
        found = Place(LocalHost(), "a-name", str(archive), scratch, tmp_path / "no-keepers")
    else:
        found = ssh_place(request.getfixturevalue("machine"), "", scratch)
    yield found
    found.host.close()
    found.wait_until_empty(10.0)
