"""What every host promises (`hosts/contract.py`): on this machine, by SSH, and by SSH with a keeper."""

from __future__ import annotations

import os
import signal
import time

import pytest

from include.proven import agent_client, errors
from tests.agent import processes
from tests.hosts.places import Place, give, query
from tests.servers.databases import DatabaseServer


def test_a_job_runs_and_nothing_is_left(place: Place, mariadb_source: DatabaseServer) -> None:
    result = agent_client.run(query(mariadb_source, "SELECT 6 * 7 AS answer"), host=place.host, name=place.run)
    assert (result["columns"], result["rows"]) == (["answer"], [["42"]])
    assert place.left() == []


def test_an_error_keeps_its_kind_its_detail_and_its_hint(place: Place, mariadb_source: DatabaseServer) -> None:
    with pytest.raises(errors.SourceError) as caught:
        agent_client.run(query(mariadb_source, "SELECT nothing FROM nowhere.at_all"), host=place.host, name=place.run)
    assert "nowhere" in caught.value.detail
    missing = {**query(mariadb_source, "SELECT 1"), "tools": {**mariadb_source.tools, "client": ["no-such-client"]}}
    with pytest.raises(errors.ToolError, match="no-such-client") as caught_too:
        agent_client.run(missing, host=place.host, name=place.run)
    assert "Install" in caught_too.value.hint
    assert place.left() == []


def test_a_crash_is_an_error_with_its_last_words(place: Place) -> None:
    with pytest.raises(errors.ToolError, match="exit status 1") as caught:
        agent_client.run({"protocol": 1, "job": "query"}, host=place.host, name=place.run)
    assert "KeyError" in caught.value.detail
    assert place.left() == []


def test_an_agent_that_is_killed_is_an_error(place: Place, mariadb_source: DatabaseServer) -> None:
    running = place.host.start(place.run)
    give(running, query(mariadb_source, "SELECT SLEEP(60)"))
    place.wait_until_working()
    for pid in place.agents():
        os.kill(pid, signal.SIGKILL)
    assert list(running.stdout) == []
    assert running.wait() in (-signal.SIGKILL, 128 + signal.SIGKILL)
    running.end()
    place.wait_until_empty(2.0)  # the kernel kills its tools


def test_the_end_stops_it_at_once_and_leaves_nothing(place: Place, mariadb_source: DatabaseServer) -> None:
    running = place.host.start(place.run)
    give(running, query(mariadb_source, "SELECT SLEEP(60)"))
    assert len(place.wait_until_working() & place.agents()) == 1
    begun = time.monotonic()
    running.end()
    assert place.left() == []
    assert time.monotonic() - begun < 5


def test_the_end_of_one_that_has_no_job(place: Place) -> None:
    running = place.host.start(place.run)
    assert not running.attached
    processes.wait_until(place.agents)
    running.end()
    assert place.left() == []


def test_lines_may_be_big_in_both_directions(place: Place, mariadb_source: DatabaseServer) -> None:
    sql = f"SELECT '{'x' * 5_000_000}' AS x"
    mariadb_source.sql("SET GLOBAL max_allowed_packet = 67108864")
    result = agent_client.run(query(mariadb_source, sql), host=place.host, name=place.run)
    assert result["rows"] == [["x" * 5_000_000]]


def test_several_run_at_the_same_time(place: Place, mariadb_source: DatabaseServer) -> None:
    first = place.host.start(f"{place.run}-1" if place.run else "")
    second = place.host.start(f"{place.run}-2" if place.run else "")
    processes.wait_until(lambda: len(place.agents()) == 2)
    first.end()
    assert len(place.agents()) == 1
    second.end()
    assert agent_client.run(query(mariadb_source, "SELECT 1"), host=place.host, name=place.run)["rows"] == [["1"]]
