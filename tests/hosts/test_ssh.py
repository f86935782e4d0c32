"""A machine behind SSH that is not as it should be, and a line that is cut under a run without a name."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

import paramiko
import pytest

from include.proven import agent_archive, agent_client, errors
from include.proven.hosts.ssh import SshHost
from tests.agent import processes
from tests.hosts.places import Place, give, query, ssh_place
from tests.servers.databases import DatabaseServer
from tests.servers.sshd import Sshd, new_key

NO_MORE_THAN = 30.0
"""Seconds in which a line that is cut in silence is noticed."""
OLD_PYTHON = """#!/bin/sh
exec {python} -I -c 'import sys; sys.version_info = (3, 6, 8); code = sys.argv[3]; del sys.argv[1:4]; exec(code)' "$@"
"""


@pytest.fixture
def unnamed(machine: Sshd, scratch: pathlib.Path) -> Iterator[Place]:
    """Runs without a name, on the machine behind SSH."""
    place = ssh_place(machine, "", scratch)
    yield place
    place.host.close()
    place.wait_until_empty(10.0)


def refusal(place: Place) -> errors.ProvenError:
    """Return the error with which an agent can't be started there."""
    with pytest.raises(errors.ProvenError) as caught:
        place.host.start(place.run).end()
    return caught.value


def with_path(machine: Sshd, *programs: str) -> pathlib.Path:
    """Let the sessions of a machine find these programs and no others; return their directory."""
    directory = machine.directory / "bin"
    directory.mkdir()
    for program in programs:
        directory.joinpath(program).symlink_to(str(shutil.which(program)))
    machine.stop()
    machine.environment = {**machine.environment, "PATH": str(directory)}
    machine.start()
    return directory


def test_a_line_that_is_cut_ends_a_run_without_a_name(unnamed: Place, machine: Sshd, mariadb_source: DatabaseServer) -> None:
    running = unnamed.host.start()
    give(running, query(mariadb_source, "SELECT SLEEP(60)"))
    unnamed.wait_until_working()
    machine.cut()
    unnamed.wait_until_empty(5.0)
    assert list(running.stdout) == []
    with pytest.raises(errors.ToolError, match="lost"):
        running.wait()
    running.end()
    assert agent_client.run(query(mariadb_source, "SELECT 1"), host=unnamed.host)["rows"] == [["1"]], "a new connection"


def test_a_line_that_is_cut_in_silence_is_noticed_at_both_ends(
    kept: Place, machine: Sshd, mariadb_source: DatabaseServer
) -> None:
    running = kept.host.start(kept.run, grace=1.0)
    give(running, query(mariadb_source, "SELECT SLEEP(100)"))
    kept.wait_until_working()
    begun, stopped = time.monotonic(), machine.sessions()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    assert list(running.stdout) == []
    with pytest.raises(errors.ToolError, match="lost"):
        running.wait()
    assert time.monotonic() - begun < NO_MORE_THAN
    running.end()
    kept.wait_until_empty(NO_MORE_THAN)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("kind", [errors.SandboxError, errors.SourceError])
def test_a_machine_that_is_not_there(kind: type[errors.ProvenError], machine: Sshd) -> None:
    machine.stop()
    host = SshHost(machine.client, name="db1.example.org", error=kind)
    with pytest.raises(kind, match=r"ssh db1\.example\.org: no connection") as caught:
        host.start("run")
    assert "refused" in caught.value.detail or "Unable to connect" in caught.value.detail
    host.close()


def test_another_machine_in_its_place(machine: Sshd, unnamed: Place) -> None:
    other = dataclasses.replace(machine, host_key=new_key(), _process=None)
    host = SshHost(other.client, name="db1.example.org")
    with pytest.raises(errors.SandboxError, match="no connection") as caught:
        host.start()
    assert paramiko.BadHostKeyException.__name__ in caught.value.detail


def test_no_python(machine: Sshd, unnamed: Place) -> None:
    with_path(machine, "sh")
    error = refusal(unnamed)
    assert isinstance(error, errors.ToolError)
    assert "no python3" in error.what
    assert "3.9" in error.hint


def test_a_python_that_is_too_old(machine: Sshd, unnamed: Place) -> None:
    directory = with_path(machine, "sh")
    script = directory / "python3"
    script.write_text(OLD_PYTHON.format(python=shutil.which("python3", path="/usr/bin")))
    script.chmod(0o755)
    error = refusal(unnamed)
    assert error.detail == "python3 is 3.6"
    assert "3.9" in error.hint


def test_a_shell_that_talks(machine: Sshd, unnamed: Place) -> None:
    pathlib.Path(machine.environment["HOME"], ".bashrc").write_text("echo Welcome\n")
    error = refusal(unnamed)
    assert "Welcome" in error.detail
    assert "must print nothing" in error.hint


def test_no_room(machine: Sshd, unnamed: Place) -> None:
    home = machine.environment["HOME"]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", home], check=True)
    try:
        error = refusal(unnamed)
        assert "No space left" in error.detail
        assert "room" in error.hint
        assert [path for path in pathlib.Path(home).rglob("*") if path.is_file()] == []
    finally:
        unnamed.host.close()
        subprocess.run(["umount", "--lazy", home], check=True)


def test_the_agent_is_copied_once_and_whole(machine: Sshd, unnamed: Place, mariadb_source: DatabaseServer) -> None:
    job, archive = query(mariadb_source, "SELECT 1"), agent_archive.build_agent()
    agent_client.run(job, host=unnamed.host)
    there = unnamed.runs.parent / archive.name
    assert there.read_bytes() == archive.read_bytes()
    assert [path.name for path in unnamed.runs.parent.iterdir()] == [archive.name]
    before = there.stat().st_mtime_ns
    ssh_place(machine, "", unnamed.scratch).host.start().end()
    assert there.stat().st_mtime_ns == before, "not copied again"
    there.write_bytes(b"half of it")
    ssh_place(machine, "", unnamed.scratch).host.start().end()
    assert there.read_bytes() == archive.read_bytes()


@pytest.fixture
def debian(scratch: pathlib.Path) -> Iterator[Sshd]:
    """A machine with an ordinary login `debian`, as sshd and the real sudo see it: their /etc is their own."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="proven-test-", dir="/var/tmp"))
    home, root, etc = (directory / name for name in ("home", "root", "etc"))
    for made in (home, root, etc):
        made.mkdir()
    directory.chmod(0o711)
    os.chown(home, 12345, 12345)
    accounts = pathlib.Path("/etc/passwd").read_text().replace(":/root:", f":{root}:")
    (etc / "passwd").write_text(accounts + f"debian:*:12345:12345::{home}:/bin/sh\n")
    (etc / "sudoers").write_text("Defaults !fqdn\n")
    (etc / "sudoers").chmod(0o440)
    mounts = " && ".join(f"mount --bind {etc / name} /etc/{name}" for name in ("passwd", "sudoers"))
    prefix = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
    with Sshd(directory, prefix=prefix, user="debian", environment={"HOME": str(home)}) as sshd:
        yield sshd
    shutil.rmtree(directory)


def test_sudo_that_is_refused(debian: Sshd, scratch: pathlib.Path) -> None:
    error = refusal(ssh_place(debian, "run", scratch, sudo=True))
    assert isinstance(error, errors.ToolError)
    assert "sudo is refused" in error.what
    assert "sudo:" in error.detail
    assert "NOPASSWD" in error.hint


def test_sudo_makes_the_agent_root(debian: Sshd, scratch: pathlib.Path, mariadb_source: DatabaseServer) -> None:
    (debian.directory / "etc/sudoers").write_text("debian ALL=(ALL) NOPASSWD: ALL\n")
    job = query(mariadb_source, "SELECT SLEEP(3), USER()")  # only root is let in by the socket
    place = ssh_place(debian, "run", scratch, sudo=True)
    place.runs = debian.directory / "root/.cache/proven/runs"
    running = place.host.start(place.run)
    give(running, job)
    place.wait_until_working()
    assert {pathlib.Path(f"/proc/{pid}").stat().st_uid for pid in place.agents()} == {0}
    debian.cut()
    assert agent_client.run({}, host=place.host, name=place.run)["rows"] == [["0", "root@localhost"]]
    assert place.left() == []
    processes.wait_until(lambda: not place.processes())
    place.host.close()
