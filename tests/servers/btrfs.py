"""Fixture `btrfs`: a real file system of that kind, in a file that is mounted. That takes root."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest

from tests.servers.missing import give_up

SIZE = 4 * 1024**3
"""Of a file with nothing in it: what is not written takes up no room."""
PATIENCE = 60.0
"""Seconds in which whoever has been killed there is gone."""


@pytest.fixture(scope="session")
def btrfs() -> Iterator[pathlib.Path]:
    """Give the folder where it is mounted, which everybody may enter."""
    if missing := [program for program in ("btrfs", "mkfs.btrfs") if shutil.which(program) is None]:
        give_up("btrfs", f"{missing[0]} is not installed (Debian package btrfs-progs)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="proven-btrfs-", dir="/var/tmp"))
    folder.chmod(0o711)
    image, mounted = folder / "image", folder / "m"
    with image.open("wb") as file:
        os.truncate(file.fileno(), SIZE)
    mounted.mkdir(mode=0o711)
    made = _run("mkfs.btrfs", "--quiet", str(image))
    mount = _run("mount", "-o", "loop", str(image), str(mounted)) if made.returncode == 0 else made
    try:
        if mount.returncode:
            give_up("btrfs", f"no file system can be mounted here: {mount.stderr.strip()}")
        mounted.chmod(0o711)
        yield mounted
    finally:
        _unmount(mounted)
        shutil.rmtree(folder)


def _unmount(folder: pathlib.Path) -> None:
    """Unmount it as soon as nobody is at work there any more."""
    until = time.monotonic() + PATIENCE
    while folder.is_mount() and (done := _run("umount", str(folder))).returncode:
        if time.monotonic() > until:
            done.check_returncode()
        time.sleep(0.2)


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False)
