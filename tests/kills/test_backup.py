"""Whatever ends a backup is one page. Each cause has a database of its own: none flaps."""

from __future__ import annotations

import pathlib

import pytest

from include.proven.errors import SandboxError
from include.proven.sandboxes import memory
from tests.kills.stage import Stage, login_of

pytestmark = pytest.mark.scheduler
FAILED = "proven/{}/backup-failed"
LITTLE = 128 * 1024
"""Bytes of new memory that a task may take up. A small backup is content with one MiB."""


def test_a_task_that_raises(stage: Stage) -> None:
    cause = stage.cause("raises")
    with stage.broken_tool("mariadb-dump", "echo 'lost its mind' >&2", "exit 3"):
        cause.happens()
        run = stage.house.trigger("backup__raises")
        cause.pages(FAILED.format("raises"), "error")
        assert stage.house.finish("backup__raises", run) == "failed"
    cause.waits_for_proof()


def test_a_source_that_refuses(stage: Stage) -> None:
    cause, files = stage.cause("refused"), stage.house.files
    connection = login_of(files.connections)
    password = connection["password"]
    connection["password"] = "yesterday's"
    files.write()
    try:
        cause.happens()
        run = stage.house.trigger("backup__refused")
        cause.pages(FAILED.format("refused"), "error")
        assert stage.house.finish("backup__refused", run) == "failed"
    finally:
        connection["password"] = password
        files.write()
    cause.waits_for_proof()


@pytest.mark.failure("D5")
def test_a_task_that_is_killed(stage: Stage) -> None:
    cause = stage.cause("killed")
    with stage.locked_source():
        run, task, _ = stage.waiting_backup("killed")
        cause.kill(task)
        cause.pages(FAILED.format("killed"), "error")
        assert stage.house.finish("backup__killed", run) == "failed"
    cause.waits_for_proof()


def test_a_task_for_which_there_is_no_memory(stage: Stage, tmp_path: pathlib.Path) -> None:
    cause = stage.cause("memory")
    try:
        group = memory.make(tmp_path, 1)
    except SandboxError as error:
        cause.could_not_be_tried(error.what)
        pytest.skip(error.what)
    try:
        with stage.locked_source():
            run, task, _ = stage.waiting_backup("memory")
            for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max"):
                if (group / name).exists():
                    (group / name).write_text(str(LITTLE))
            (group / "cgroup.procs").write_text(str(task))
        # nothing waits any more: the task reads what its agent says, and whatever it touches counts in its cgroup
        cause.happens()
        cause.pages(FAILED.format("memory"), "error")
        assert stage.house.finish("backup__memory", run) == "failed"
        assert memory.was_exceeded(tmp_path), "the kernel has killed it, and nobody else"
    finally:
        memory.remove(tmp_path)
    cause.waits_for_proof()


@pytest.mark.failure("D5")
def test_a_supervisor_that_is_killed(stage: Stage) -> None:
    cause = stage.cause("supervisor")
    with stage.locked_source():
        run, _, supervisor = stage.waiting_backup("supervisor")
        cause.kill(supervisor)
        cause.pages(FAILED.format("supervisor"), "error")
        assert stage.house.finish("backup__supervisor", run) == "failed"
    cause.waits_for_proof()


def test_a_task_whose_time_is_up(stage: Stage) -> None:
    cause = stage.cause("timeout")
    with stage.locked_source():
        run, *_ = stage.waiting_backup("timeout")
        cause.happens()
        cause.pages(FAILED.format("timeout"), "error")
        assert stage.house.finish("backup__timeout", run) == "failed"
    cause.waits_for_proof()


def test_a_run_that_a_person_marks_failed(stage: Stage) -> None:
    cause = stage.cause("marked")
    with stage.locked_source():
        run, *_ = stage.waiting_backup("marked")
        cause.happens()
        stage.house.call("PATCH", f"/api/v2/dags/backup__marked/dagRuns/{run}?update_mask=state", {"state": "failed"})
        cause.pages(FAILED.format("marked"), "error")
        assert stage.house.finish("backup__marked", run) == "failed"
    cause.waits_for_proof()
