"""The embedded Swift: it is known by more than its pid, ends with its parent, and keeps its passwords to itself."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from include.proven import daemons, errors
from include.proven.demo import swift as embedded
from include.proven.demo.swift_server.config import Account
from tests.servers.swift import PYTHON, Swift, SwiftFactory, new_settings

CHECKOUT = pathlib.Path(__file__).parents[2]


def test_running_swift_is_found_and_a_stopped_one_is_not(start_swift: SwiftFactory, tmp_path: pathlib.Path) -> None:
    assert embedded.running(tmp_path) is None
    server = start_swift(tmp_path).server
    assert embedded.running(tmp_path) == server
    embedded.stop(server)
    assert embedded.running(tmp_path) is None
    embedded.stop(server)


def test_other_process_with_the_pid_is_left_alone(tmp_path: pathlib.Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        forged = daemons.Daemon(name="swift", pid=stranger.pid, started=1)
        (tmp_path / "process.json").write_text(json.dumps(dataclasses.asdict(forged)))
        (tmp_path / "ready.json").write_text("{}")
        assert embedded.running(tmp_path) is None
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_swift_ends_with_its_parent(swift: Swift, tmp_path: pathlib.Path) -> None:
    script = (
        "import pathlib, time; from include.proven.demo import swift; from tests.servers.swift import PYTHON, new_settings;"
        f"swift.start_swift(pathlib.Path({str(tmp_path)!r}), PYTHON, new_settings()); print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    assert embedded.running(tmp_path)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while embedded.running(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert embedded.running(tmp_path) is None


def test_port_in_use_is_told_with_swifts_own_words(swift: Swift, tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ToolError, match="swift: did not start") as caught:
        embedded.start_swift(tmp_path, PYTHON, new_settings(port=swift.server.port))
    assert "Address already in use" in caught.value.detail


def test_missing_environment_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ToolError, match="can't start"):
        embedded.start_swift(tmp_path, tmp_path / "nowhere/python", new_settings())


def test_passwords_are_in_no_argument_and_no_readable_file(swift: Swift) -> None:
    password = swift.settings.accounts[0].password.encode()
    process = pathlib.Path(f"/proc/{swift.server.process.pid}")
    assert password not in (process / "cmdline").read_bytes()
    assert password not in (process / "environ").read_bytes()
    for file in swift.server.root.rglob("*"):
        if file.is_file() and file.stat().st_size < 1 << 20 and password in file.read_bytes():
            assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize("password", ["", "with space", "per%cent", "line\nbreak"])
def test_password_that_the_file_can_not_hold_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        Account("proven", "backup", password)
