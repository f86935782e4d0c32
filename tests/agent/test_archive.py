"""The agent's archive: it begins without compiling anything, and another Python runs it too."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys
import zipfile

from include.proven import agent_archive
from include.proven.agent import protocol

NO_PYTHONS = b"\0\0\r\n"
BAD = "bad magic number in 'proven_agent.main'"
"""What Python says, asked to tell, of what another one has compiled."""


def imported(archive: pathlib.Path) -> str:
    """Start the agent, end its stdin, and return what Python says of its imports."""
    done = subprocess.run(
        [sys.executable, "-I", "-v", str(archive)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == protocol.EXIT_STOPPED, done.stderr[-2000:]
    return done.stderr


def test_it_begins_compiled(tmp_path: pathlib.Path) -> None:
    archive = agent_archive.build_agent(tmp_path)
    with zipfile.ZipFile(archive) as file:
        names = {name for name in file.namelist() if name.startswith("proven_agent/") and not name.endswith("/")}
        assert {name for name in names if name.endswith(".pyc")} == {f"{name}c" for name in names if name.endswith(".py")}
        assert all(file.read(name).startswith(importlib.util.MAGIC_NUMBER) for name in names if name.endswith(".pyc"))
    assert BAD not in imported(archive)


def test_what_another_python_has_compiled_is_passed_over(tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other.pyz"
    with zipfile.ZipFile(agent_archive.build_agent(tmp_path)) as file, zipfile.ZipFile(other, "w") as changed:
        for name in file.namelist():
            content = file.read(name)
            changed.writestr(name, NO_PYTHONS + content[4:] if name.endswith(".pyc") else content)
    assert BAD in imported(other)
