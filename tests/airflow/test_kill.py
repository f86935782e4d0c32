"""Whatever is killed in the middle leaves nothing behind, and somebody hears of it once."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from tests.airflow.live import House, family, processes, wait_for

pytestmark = pytest.mark.scheduler


def test_a_backup_killed_in_mid_dump_leaves_nothing_and_is_paged_once(house: House) -> None:
    begun = len(house.pager.incidents)
    kept = set(of_recovery_points(house, "big"))
    run = house.trigger("backup__big")
    agent = wait_for_upload(house, kept)
    task, tools = family(agent)
    os.kill(task, signal.SIGKILL)
    assert house.finish("backup__big", run) == "failed"
    assert alive(tools) == set()
    house.nothing_runs()
    assert set(of_recovery_points(house, "big")) == kept
    assert house.source.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'proven'") == [["0"]]
    house.only_page(begun, "proven/big/backup-failed")


def test_a_drill_killed_in_mid_restore_is_unproven_and_leaves_nothing(house: House) -> None:
    begun = len(house.pager.incidents)
    drills = {run["dag_run_id"] for run in house.runs("drill__big")}
    assert house.finish("backup__big", house.trigger("backup__big")) == "success"
    drill = house.next_drill("big", drills)
    agent = wait_for(house.restoring, "the restore", pause=0.05)
    task, tools = family(agent)
    os.kill(task, signal.SIGKILL)
    assert house.finish("drill__big", drill) == "failed"
    assert alive(tools) == set()
    house.nothing_runs()
    verdict = house.newest_verdict("big")
    assert verdict.outcome == "unproven"
    assert "restore" in verdict.reason
    house.only_page(begun, "proven/big/drill-unproven")

    # what was killed can be done again, and the proof answers both pages
    assert house.finish("fire_drill", house.trigger("fire_drill", database="big")) == "success"
    assert [incident.dedup_key for incident in house.pager.open if "/big/" in incident.dedup_key] == []


def test_a_backup_marked_failed_stays_failed_and_leaves_nothing(house: House) -> None:
    kept = set(of_recovery_points(house, "big"))
    run = house.trigger("backup__big")
    agent = wait_for_upload(house, kept)
    tools = freeze(agent)
    mark_failed(house, "backup__big", run)
    assert house.finish("backup__big", run) == "failed"
    wait_for(lambda: not alive(tools), "the end of the agent and its tools", seconds=20)
    assert set(of_recovery_points(house, "big")) == kept
    house.nothing_runs()


def test_a_drill_marked_failed_does_not_turn_green(house: House) -> None:
    run = house.trigger("fire_drill", database="big")
    agent = wait_for(house.restoring, "the restore", pause=0.05)
    tools = freeze(agent)
    mark_failed(house, "fire_drill", run)
    wait_for(lambda: house.task_states("fire_drill", run)["destroy"] == "failed", "the teardown's verdict")
    assert house.finish("fire_drill", run) == "failed"
    wait_for(lambda: not alive(tools), "the end of the agent and its tools", seconds=20)
    house.nothing_runs()


def wait_for_upload(house: House, before: set[str]) -> int:
    """Wait until a part of a new recovery point of `big` is in the store, and return the agent's process id."""
    wait_for(lambda: set(of_recovery_points(house, "big")) - before, "the first part", pause=0.1)
    agent = house.agent()
    assert agent, "the dump was over too soon: make `big` bigger"
    return agent


def of_recovery_points(house: House, database: str) -> list[str]:
    """Return the names of all that the store holds of a database's recovery points; pages are no part of them."""
    return [name for name in house.stored() if f"/{database}/2" in name]


def freeze(agent: int) -> set[int]:
    """Stop the agent's tools where they are, so that the work can't be done before anybody hears of the mark. Return them."""
    _, tools = family(agent)
    for tool in tools - {agent}:
        with contextlib.suppress(ProcessLookupError):  # a client that had just answered
            os.kill(tool, signal.SIGSTOP)
    return tools


def mark_failed(house: House, dag: str, run: str) -> None:
    """Do what a person does with the button in the UI."""
    house.call("PATCH", f"/api/v2/dags/{dag}/dagRuns/{run}?update_mask=state", {"state": "failed"})


def alive(pids: set[int]) -> set[int]:
    """Return those that still run."""
    return pids & {pid for pid, _ in processes()}
