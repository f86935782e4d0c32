"""The directory store on disks that are not there, full, read-only, or somebody else's."""

from __future__ import annotations

import os
import pathlib
import subprocess
import traceback
from collections.abc import Callable, Iterator

import pytest

from include.proven import errors
from include.proven.agent.errors import AgentError
from include.proven.stores.contract import locate
from tests.stores import agent_side
from tests.stores.conformance import ARTIFACT
from tests.stores.test_directory import open_directory
from tests.stores.uploading import describe

NOBODY = 65534


@pytest.fixture
def mount(tmp_path: pathlib.Path) -> Iterator[Callable[[str], pathlib.Path]]:
    """Give a function that mounts a small disk: `mount("size=1m")`; again with `remount,ro` to change it."""
    where = tmp_path / "disk"
    where.mkdir()

    def run(options: str) -> pathlib.Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", where], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk may be mounted here: {done.stderr.decode().strip()}")
        return where

    yield run
    subprocess.run(["umount", where], capture_output=True, check=False)


def test_path_that_is_not_mounted_is_never_filled(tmp_path: pathlib.Path) -> None:
    store = open_directory(tmp_path / "disk")
    for action in (
        store.check,
        lambda: store.begin_upload(ARTIFACT),
        lambda: store.put_record("shop/a", b"x"),
        lambda: store.get_record("shop/a"),
        lambda: list(store.list_objects("")),
        lambda: store.list_uploads("shop"),
        lambda: store.delete_folder("shop"),
    ):
        with pytest.raises(errors.StoreError, match="is not there") as caught:
            action()
        assert "Mount the disk" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_folder_of_the_disk_itself_is_not_looked_into(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "lost+found/1234").write_bytes(b"x")
    store = open_directory(tmp_path, "")
    store.put_record("shop/a", b"x")
    assert store.list_folders("") == ["shop"]


def test_full_disk_is_named(mount: Callable[[str], pathlib.Path]) -> None:
    store = open_directory(mount("size=1m"))
    with pytest.raises(errors.StoreError, match="put object shop/a: no space left on device") as caught:
        store.put_record("shop/a", b"x" * (2 << 20))
    assert "The disk is full" in caught.value.hint
    assert list(store.list_objects("")) == []
    assert store.list_uploads("") == []
    store.check()
    opened = store.begin_upload(ARTIFACT)
    request = store.presign_parts(opened, locate([describe(1, bytes(2 << 20))]))[0]
    with pytest.raises(AgentError, match="No space left") as told:
        agent_side.send_part(request, bytes(2 << 20))
    assert "The disk is full" in told.value.hint
    with pytest.raises(errors.StoreError, match="has no room") as caught:
        store.check()
    assert "The disk is full" in caught.value.hint
    store.abort_upload(opened)
    store.check()


def test_read_only_disk_is_named(mount: Callable[[str], pathlib.Path]) -> None:
    store = open_directory(mount("size=1m"))
    store.put_record("shop/a", b"x")
    mount("remount,ro")
    for action in (store.check, lambda: store.put_record("shop/b", b"x"), lambda: store.delete_record("shop/a")):
        with pytest.raises(errors.StoreError, match="read-only file system") as caught:
            action()
        assert "mounted read-only" in caught.value.hint
    assert store.get_record("shop/a") == b"x"


def test_directory_of_another_user_is_named(tmp_path: pathlib.Path) -> None:
    store = open_directory(tmp_path)
    tmp_path.chmod(0o500)
    said = as_nobody(lambda: store.put_record("shop/a", b"x"))
    tmp_path.chmod(0o700)
    assert "StoreError" in said
    assert "permission denied" in said
    assert "HINT: The account that Proven runs under must own the directory" in said


def as_nobody(action: Callable[[], object]) -> str:
    """Do something as a user without rights, in a process of its own, and return what it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        if os.getuid() == 0:
            os.setgroups([])
            os.setuid(NOBODY)
        try:
            action()
        except BaseException:
            os.write(writing, traceback.format_exc().encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a descriptor has no path
        return pipe.read().decode()
