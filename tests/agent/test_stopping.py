"""Whoever dies, nothing of the agent survives: no process, no temporary file, no lock."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from include.proven import agent_archive, agent_client, errors
from tests.agent import processes
from tests.agent.jobs import Keys, backup_job, restore_job
from tests.agent.object_server import ObjectServer
from tests.servers.databases import DatabaseServer

NOISE = "CREATE TABLE noise (id INT PRIMARY KEY AUTO_INCREMENT, x BLOB); INSERT INTO noise (x) VALUES (RANDOM_BYTES(1024));" + (
    "INSERT INTO noise (x) SELECT RANDOM_BYTES(1024) FROM noise;" * 13
)


@pytest.fixture
def noisy(mariadb_source: DatabaseServer) -> Iterator[DatabaseServer]:
    """A source with 8 MB that no compression makes smaller."""
    mariadb_source.drop_schemas()
    mariadb_source.sql(NOISE, mariadb_source.fresh_schema("noise"))
    yield mariadb_source
    mariadb_source.drop_schemas()


@pytest.fixture
def dump_job(noisy: DatabaseServer, keys: Keys) -> dict[str, Any]:
    return backup_job(noisy.endpoint, noisy.tools, keys)


@pytest.fixture
def load_job(dump_job: dict[str, Any], noisy: DatabaseServer, objects: ObjectServer, keys: Keys) -> dict[str, Any]:
    """The job that restores the noise over itself."""
    result = agent_client.run(dump_job, signer=objects.signer)
    return restore_job(result, objects, keys, noisy.tools, noisy.admin)


class Launcher:
    """Starts controllers and agents whose temporary files go to `scratch`, and lets none of them outlive the test."""

    def __init__(self, scratch: pathlib.Path) -> None:
        self._environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": "."}
        self.started: list[subprocess.Popen[bytes]] = []

    def controller(self, job: dict[str, Any], objects: ObjectServer) -> subprocess.Popen[bytes]:
        """Start a controller that runs the job in an agent."""
        process = self._start("-m", "tests.agent.controller", message={"url": objects.url, "job": job})
        assert process.stdin
        process.stdin.close()
        return process

    def agent(self, job: dict[str, Any]) -> subprocess.Popen[bytes]:
        """Start an agent that we are the controller of."""
        return self._start("-I", str(agent_archive.build_agent()), message=job)

    def _start(self, *arguments: str, message: dict[str, Any]) -> subprocess.Popen[bytes]:
        argv, pipe = [sys.executable, *arguments], subprocess.PIPE
        process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, env=self._environment)
        self.started.append(process)
        assert process.stdin
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        return process


@pytest.fixture
def launch(tmp_path: pathlib.Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path)
    yield launcher
    for process in launcher.started:
        process.kill()
        process.wait()


def nothing_left(pids: set[int], scratch: pathlib.Path, seconds: float = 10.0) -> None:
    processes.wait_until(lambda: not any(processes.program(pid) for pid in pids), seconds)
    assert list(scratch.iterdir()) == []


def freeze_in_the_middle(process: subprocess.Popen[bytes], tool: str) -> set[int]:
    """Stop a tool in the middle of its work, so that no broken pipe can end it, and return all that runs below `process`."""
    processes.wait_until(lambda: {"gpg", "zstd"} <= processes.programs(process.pid) and processes.at_work(process.pid, tool))
    frozen, pids = processes.at_work(process.pid, tool), processes.children(process.pid)
    assert frozen
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    return pids


def kill_in_the_middle(controller: subprocess.Popen[bytes], tool: str, scratch: pathlib.Path) -> None:
    pids = freeze_in_the_middle(controller, tool)
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    nothing_left(pids, scratch)


def test_kill_9_of_the_controller_in_mid_dump(
    dump_job: dict[str, Any], objects: ObjectServer, launch: Launcher, tmp_path: pathlib.Path
) -> None:
    kill_in_the_middle(launch.controller(dump_job, objects), "mariadb-dump", tmp_path)


def test_kill_9_of_the_controller_in_mid_restore(
    load_job: dict[str, Any], objects: ObjectServer, launch: Launcher, tmp_path: pathlib.Path
) -> None:
    objects.speed = 100_000
    load_job["artifacts"] = [artifact for artifact in load_job["artifacts"] if artifact["role"] == "dump"]
    kill_in_the_middle(launch.controller(load_job, objects), "mariadb", tmp_path)


def test_kill_9_of_the_agent_itself_takes_its_tools_along(
    dump_job: dict[str, Any], objects: ObjectServer, launch: Launcher, tmp_path: pathlib.Path
) -> None:
    agent = launch.agent(dump_job)
    pids = freeze_in_the_middle(agent, "mariadb-dump")
    agent.kill()
    agent.communicate()
    processes.wait_until(lambda: not any(processes.program(pid) for pid in pids), 10.0)


@pytest.mark.parametrize("how", ["end of file", "SIGTERM", "SIGHUP"])
def test_a_stop_ends_everything_with_status_3(
    how: str, dump_job: dict[str, Any], noisy: DatabaseServer, objects: ObjectServer, launch: Launcher, tmp_path: pathlib.Path
) -> None:
    agent = launch.agent(dump_job)
    processes.wait_until(lambda: "mariadb-dump" in processes.programs(agent.pid))
    pids = processes.children(agent.pid)
    if how == "end of file":
        assert agent.stdin
        agent.stdin.close()
        agent.stdin = None
    else:
        agent.send_signal(getattr(signal, how))
    output, _ = agent.communicate(timeout=10)
    assert agent.returncode == 3
    assert not any(json.loads(line)["event"] in ("result", "error") for line in output.splitlines())
    nothing_left(pids, tmp_path)
    noisy.sql("CREATE TABLE written_after (id INT)", noisy.fresh_schema())


def test_a_controller_that_gets_an_exception_leaves_no_agent(
    dump_job: dict[str, Any], objects: ObjectServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before, pids = processes.children(os.getpid()), set[int]()

    def interrupt(_: object) -> None:
        pids.update(processes.children(os.getpid()) - before)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        agent_client.run(dump_job, signer=objects.signer, on_progress=interrupt)
    assert not any(processes.program(pid) for pid in pids)
    assert list(tmp_path.glob("proven-agent-*")) == []


def test_a_crash_of_the_agent_is_an_error_with_its_last_words() -> None:
    with pytest.raises(errors.ToolError) as caught:
        agent_client.run({"protocol": 1, "job": "query"})
    assert "KeyError" in caught.value.detail
    with pytest.raises(errors.ProvenError, match="protocol 99"):
        agent_client.run({"protocol": 99, "job": "query"})
