"""What is heard of agents and their commands, and what a record keeps of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket

import pytest

from include.proven import agent_client, audit, errors
from include.proven.hosts.local import LocalHost, LocalRunning
from include.proven.manifest import Command
from include.proven.reports import commands

BAD_JOB = {"protocol": 1, "job": "query"}
"""An agent crashes on it: it names no server."""


def ran(*argv: str, status: int | None = 0) -> Command:
    return Command(argv=list(argv), status=status, seconds=0.1, host="db1", job="backup")


class KilledHost(LocalHost):
    """This machine, whose kernel kills every agent."""

    def start(self, run: str = "", *, grace: float = 60.0) -> LocalRunning:
        running = super().start(run, grace=grace)
        os.kill(running._process.pid, signal.SIGKILL)
        return running


def test_an_agent_that_crashes_is_heard_of() -> None:
    with audit.listen() as heard, pytest.raises(errors.ToolError):
        agent_client.run(BAD_JOB)
    (agent,) = heard
    assert (agent.argv, agent.status, agent.job, agent.host) == (["proven-agent", "query"], 1, "query", socket.gethostname())
    assert agent.started_at


def test_an_agent_that_is_killed_is_heard_of_with_its_signal() -> None:
    with audit.listen() as heard, pytest.raises(errors.ToolError):
        agent_client.run(BAD_JOB, host=KilledHost())
    assert [commands.status(agent) for agent in heard] == ["SIGKILL"]


def test_an_agent_that_we_stop_is_heard_of_and_nobody_says_that_it_ended_well() -> None:
    def fail() -> dict[str, object]:
        raise KeyboardInterrupt

    with audit.listen() as heard, pytest.raises(KeyboardInterrupt):
        agent_client.run(fail, name="backup-20261121T043512Z-full-7f3a9c01")
    assert [(agent.argv[1], commands.status(agent)) for agent in heard] == [("backup", "not known")]


def test_each_listener_hears_what_is_its_own() -> None:
    with audit.listen() as outer:
        audit.AgentRun("backup").end(0)
        with audit.listen() as inner:
            audit.AgentRun("restore").end(0)
        audit.AgentRun("query").end(0)
    audit.AgentRun("isolation").end(0)
    assert [command.job for command in outer] == ["backup", "query"]
    assert [command.job for command in inner] == ["restore"]


def test_a_herd_of_commands_is_kept_as_its_beginning_its_end_and_a_digest_of_the_rest() -> None:
    heard = [ran("mysql", f"--table={number}") for number in range(5000)]
    kept = audit.keep(heard)
    assert [command.argv[1] for command in kept["commands"]] == [f"--table={n}" for n in (*range(40), *range(4980, 5000))]
    middle = "".join(f"{command.model_dump_json()}\n" for command in heard[40:4980])
    gap = kept["commands_left_out"]
    assert (gap.count, gap.sha256) == (4940, hashlib.sha256(middle.encode()).hexdigest())
    assert audit.keep(heard[:60]) == {"commands": heard[:60], "commands_left_out": None}
    said = commands.left_out(commands.Trail("backup", kept["commands"], gap))
    assert "4,940 more" in said
    assert gap.sha256 in said


def test_a_record_stays_small_whatever_is_run() -> None:
    heard = [ran("mysqldump", *("s" * 64 for _ in range(4000)), "x" * 100_000)] * 5000
    kept = audit.keep(heard)
    assert len(json.dumps([command.model_dump(mode="json") for command in kept["commands"]])) < 160_000
    assert kept["commands"][0].argv[-1] == "…"
    (short,) = audit.keep([ran("python3", "x" * 201)])["commands"]
    assert (len(short.argv[1]), short.argv[1][-1]) == (200, "…")


@pytest.mark.parametrize(
    ("status", "said"), [(0, "0"), (3, "3"), (-9, "SIGKILL"), (-15, "SIGTERM"), (-99, "signal 99"), (None, "not known")]
)
def test_a_status_is_told_as_people_know_it(status: int | None, said: str) -> None:
    assert commands.status(ran("gpg", status=status)) == said


def test_who_asks_has_a_name_and_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "alice")
    assert audit.operator() == f"cli:alice@{socket.gethostname()}"
