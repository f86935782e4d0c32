"""A run with a name outlives its line for a grace, and nothing of it outlives that."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from include.proven import agent_client, errors
from include.proven.stores.contract import OutgoingPart, SignedRequest
from tests.agent import processes
from tests.agent.jobs import Keys, backup_job
from tests.agent.object_server import ObjectServer
from tests.hosts.places import Place, give, query, ssh_place
from tests.servers.databases import DatabaseServer
from tests.servers.sshd import Sshd

SHORT = 2.0


def run(place: Place, job: dict[str, Any], grace: float = 60.0, **options: Any) -> dict[str, Any]:
    return agent_client.run(job, host=place.host, name=place.run, grace=grace, **options)


class Waiting(threading.Thread):
    """A controller in a thread, and what came of it."""

    def __init__(self, call: Callable[[], dict[str, Any]]) -> None:
        super().__init__(daemon=True)
        self.call = call
        self.result: dict[str, Any] = {}
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.call()
        except errors.ProvenError as error:
            self.error = error

    def end(self, seconds: float = 30.0) -> dict[str, Any]:
        self.join(seconds)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.result


def begin(place: Place, job: dict[str, Any], grace: float = 60.0) -> tuple[Waiting, set[int]]:
    """Have a controller run the job; return it, and its processes, when the agent works."""
    controller = Waiting(lambda: run(place, job, grace))
    return controller, place.wait_until_working()


def test_a_cut_line_and_a_controller_that_comes_back(kept: Place, machine: Sshd, mariadb_source: DatabaseServer) -> None:
    job = query(mariadb_source, "SELECT CONNECTION_ID(), SLEEP(4)")
    first, _ = begin(kept, job)
    agents = kept.agents()
    ids = mariadb_source.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO = 'SELECT CONNECTION_ID(), SLEEP(4)'")
    machine.cut()
    with pytest.raises(errors.ToolError, match=r"connection to db1\.example\.org lost") as caught:
        first.end()
    assert "60 s" in caught.value.hint
    second = Waiting(lambda: run(kept, {"protocol": 1, "job": "never given"}))
    time.sleep(0.5)
    assert kept.agents() == agents, "the same agent goes on"
    assert second.end()["rows"] == [[ids[0][0], "0"]]
    assert kept.left() == []


def test_nobody_comes_back(kept: Place, machine: Sshd, mariadb_source: DatabaseServer) -> None:
    controller, _ = begin(kept, query(mariadb_source, "SELECT SLEEP(60)"), SHORT)
    machine.cut()
    assert kept.wait_until_empty(SHORT + 3) > SHORT - 0.5
    with pytest.raises(errors.ToolError, match="lost"):
        controller.end()


def test_it_ended_while_nobody_was_there(kept: Place, machine: Sshd, mariadb_source: DatabaseServer) -> None:
    begin(kept, query(mariadb_source, "SELECT SLEEP(1), 'done'"))
    machine.cut()
    processes.wait_until(lambda: not kept.agents())
    assert run(kept, {"protocol": 1, "job": "never given"})["rows"] == [["0", "done"]]
    assert kept.left() == []


def test_an_error_and_a_crash_wait_for_whoever_comes_back(kept: Place, machine: Sshd, mariadb_source: DatabaseServer) -> None:
    begin(kept, query(mariadb_source, "SELECT SLEEP(1); SELECT nothing FROM nowhere.at_all"))
    machine.cut()
    processes.wait_until(lambda: not kept.agents())
    with pytest.raises(errors.SourceError, match="query"):
        run(kept, {})
    running = kept.host.start(kept.run)
    give(running, {"protocol": 1, "job": "query"})
    processes.wait_until(lambda: not kept.agents())
    machine.cut()
    with pytest.raises(errors.ToolError, match="exit status 1") as caught:
        run(kept, {})
    assert "KeyError" in caught.value.detail
    assert kept.left() == []


def test_a_line_that_was_cut_before_the_job(kept: Place, machine: Sshd, mariadb_source: DatabaseServer) -> None:
    running = kept.host.start(kept.run)
    running.stdin.write(b'{"protocol": 1, "job": "que')  # and half a line is none
    running.stdin.flush()
    processes.wait_until(kept.agents)
    agents = kept.agents()
    time.sleep(0.2)
    machine.cut()
    second = kept.host.start(kept.run)
    assert not second.attached
    assert kept.agents() == agents
    give(second, query(mariadb_source, "SELECT 1"))
    assert json.loads(second.stdout.readline())["rows"] == [["1"]]
    second.end()


def test_of_two_the_later_one_goes_on(kept: Place, machine: Sshd, mariadb_source: DatabaseServer, scratch: Any) -> None:
    first, _ = begin(kept, query(mariadb_source, "SELECT SLEEP(3), 'done'"))
    agents = kept.agents()
    other = ssh_place(machine, kept.run, scratch)
    second = Waiting(lambda: run(other, {}))
    with pytest.raises(errors.ToolError, match="another one has taken it over"):
        first.end(5)
    assert kept.agents() == agents
    assert second.end()["rows"] == [["0", "done"]]
    assert kept.left() == []


def test_many_that_come_at_once_have_one_agent(kept: Place, mariadb_source: DatabaseServer) -> None:
    kept.host.start(kept.run).end()  # the agent is copied
    comers = [Waiting(lambda: run(kept, query(mariadb_source, "SELECT SLEEP(3), 'done'"))) for _ in range(6)]
    kept.wait_until_working()
    assert len(kept.agents()) == 1
    for comer in comers:
        comer.join(60)
    assert [comer.result["rows"] for comer in comers if comer.result] == [[["0", "done"]]]
    assert {str(comer.error).partition("db1.example.org: ")[2] for comer in comers if comer.error} == {
        "another one has taken it over"
    }
    assert kept.left() == []


def test_kill_9_of_the_keeper_takes_the_agent_along(kept: Place, mariadb_source: DatabaseServer) -> None:
    first, _ = begin(kept, query(mariadb_source, "SELECT SLEEP(60)"))
    for pid in kept.keepers():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(errors.ToolError, match="its keeper is gone"):
        first.end()
    processes.wait_until(lambda: not kept.processes(), 5.0)
    assert run(kept, query(mariadb_source, "SELECT 'anew'"))["rows"] == [["anew"]]


@contextlib.contextmanager
def killed_controller(kept: Place, machine: Sshd, job: dict[str, Any], grace: float) -> Iterator[None]:
    """Have a controller in a process of its own run the job, and kill it when its agent works."""
    keys = {name: dataclasses.asdict(getattr(machine, name)) for name in ("host_key", "user_key")}
    order = {"sshd": {"port": machine.port, **keys}, "run": kept.run, "grace": grace, "job": job}
    argv, pipe = [sys.executable, "-m", "tests.hosts.controller"], subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": "."}) as process:
        assert process.stdin
        process.stdin.write(json.dumps(order).encode())
        process.stdin.close()
        kept.wait_until_working()
        process.kill()
        process.wait()
        yield


def test_kill_9_of_the_controller_and_nobody_comes_back(kept: Place, machine: Sshd, mariadb_source: DatabaseServer) -> None:
    with killed_controller(kept, machine, query(mariadb_source, "SELECT SLEEP(60)"), SHORT):
        assert kept.wait_until_empty(SHORT + 3) > SHORT - 0.5


def test_kill_9_of_the_controller_and_its_retry(kept: Place, machine: Sshd, mariadb_source: DatabaseServer) -> None:
    with killed_controller(kept, machine, query(mariadb_source, "SELECT SLEEP(4), 'done'"), 60.0):
        agents = kept.agents()
        assert len(agents) == 1
        assert run(kept, {})["rows"] == [["0", "done"]]
    assert kept.left() == []


@dataclasses.dataclass
class SilentSigner:
    """Signs nothing from a part on: it holds the question until it is let go, and then its line is cut."""

    real: Any
    asked: threading.Event = dataclasses.field(default_factory=threading.Event)
    go: threading.Event = dataclasses.field(default_factory=threading.Event)

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> Sequence[SignedRequest]:
        self.asked.set()
        self.go.wait(30)
        return list(self.real.sign_parts(store, artifact, parts))

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        raise NotImplementedError


def test_questions_that_have_no_answer_are_asked_again(
    kept: Place, machine: Sshd, mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys
) -> None:
    mariadb_source.drop_schemas()
    mariadb_source.sql(
        "CREATE TABLE t AS SELECT seq, REPEAT(MD5(seq), 20) AS x FROM seq_1_to_20000", mariadb_source.fresh_schema()
    )
    signer = SilentSigner(objects.signer)
    job = backup_job(mariadb_source.endpoint, mariadb_source.tools, keys)
    first = Waiting(lambda: run(kept, job, signer=signer))
    assert signer.asked.wait(30)
    machine.cut()
    signer.go.set()
    with pytest.raises(errors.ToolError, match="lost"):
        first.end()
    told: list[str] = []
    result = run(kept, {}, signer=objects.signer, on_progress=lambda progress: told.append(progress.stage))
    assert {artifact["name"] for artifact in result["artifacts"]} == set(objects.parts)
    for artifact in result["artifacts"]:
        assert len(objects.whole(artifact["name"])) == artifact["bytes"]
    assert "dump" in told
    assert kept.left() == []


def test_no_secret_is_seen_from_outside(kept: Place, mariadb_source: DatabaseServer) -> None:
    job = {**query(mariadb_source, "SELECT SLEEP(2)"), "source": mariadb_source.endpoint}
    running, secret = kept.host.start(kept.run), mariadb_source.endpoint["password"].encode()
    give(running, job)
    for pid in kept.wait_until_working():
        for file in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                assert secret not in pathlib.Path(f"/proc/{pid}/{file}").read_bytes()
    files = [path for folder in (kept.scratch, kept.runs.parent) for path in folder.rglob("*") if path.is_file()]
    assert files, "the agent's own file is there"
    assert not any(secret in path.read_bytes() for path in files)
    assert kept.runs.stat().st_mode & 0o777 == 0o700
    running.end()
