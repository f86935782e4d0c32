"""Whatever ends a part of Airflow is one page: from inside while a scheduler lives, else from outside, of the stores alone.

The last two end all of Airflow, so they come last.
"""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from tests.airflow.live import wait_for
from tests.kills.stage import Cause, Stage

pytestmark = pytest.mark.scheduler
LATE = "proven/clock/backup-late"
CRON = "*/3 * * * *"
AFTER_LATE_SECONDS = 420.0
"""The backup that is missed begins within 3 minutes, and may take 2."""


def test_a_dag_file_that_can_not_be_loaded(stage: Stage) -> None:
    cause, file = stage.cause("dag-broken"), stage.dags / "sabotage.py"
    whole = file.read_text()
    cause.happens()
    file.write_text(f"{whole}\nraise RuntimeError('half an upload')\n")
    cause.pages("proven/_fleet/dag-broken/sabotage.py", "error")
    file.write_text(whole)
    wait_for(lambda: stage.house.call("GET", "/api/v2/importErrors")["total_entries"] == 0, "the whole file")
    assert stage.watch_inside() == "success"
    cause.is_resolved_by("the DAG `watch` found the file loaded")


def test_a_dag_processor_that_is_killed(stage: Stage) -> None:
    cause, house = stage.cause("dag-processor"), stage.house
    cause.kill(house.airflow.pids()["dag-processor"])
    wait_for(lambda: house.airflow.health()["dag_processor"] == "unhealthy", "Airflow's own look at it")
    house.trigger("watch")
    cause.pages("proven/_fleet/airflow-unhealthy/dag-processor", "error")
    wait_for(stage.is_idle, "the end of the watch")
    house.airflow.start()
    assert stage.watch_inside() == "success"
    cause.is_resolved_by("the DAG `watch` found it alive")


@pytest.mark.failure("D6")
def test_a_scheduler_that_is_killed(stage: Stage) -> None:
    cause, house = stage.cause("scheduler"), stage.house
    keep_time(stage)
    cause.kill(house.airflow.pids()["scheduler"])
    page_from_outside(stage, cause)
    back_in_time(stage, cause)


@pytest.mark.failure("D6")
def test_all_of_airflow_killed_and_its_database_deleted(stage: Stage) -> None:
    cause, airflow = stage.cause("database"), stage.house.airflow
    keep_time(stage)
    cause.happens()
    for pid in airflow.pids().values():
        os.kill(pid, signal.SIGKILL)
    airflow.stop()  # what the killed have forked
    shutil.rmtree(airflow.home.parent / "postgres")
    page_from_outside(stage, cause)
    back_in_time(stage, cause)


def keep_time(stage: Stage) -> None:
    """Let `clock` be backed up on its schedule, and see that it is, and that the watch has nothing to say of it."""
    house = stage.house
    stage.prove("clock")
    before = {run["dag_run_id"] for run in house.runs("backup__clock")}
    stage.schedule("clock", CRON)
    wait_for(lambda: scheduled(stage, before), "a scheduled backup of clock", seconds=300)
    wait_for(lambda: stage.watch()[0] == 0, "a watch that finds nothing", seconds=120)
    wait_for(stage.is_idle, "a moment without a run", seconds=300, pause=0.2)


def scheduled(stage: Stage, before: set[str]) -> bool:
    """Say whether a backup has run by itself."""
    runs = stage.house.runs("backup__clock")
    return any(run["state"] == "success" for run in runs if run["dag_run_id"] not in before)


def page_from_outside(stage: Stage, cause: Cause) -> None:
    """Run `./proven watch` again and again, as cron does, until it pages: it must say so by its exit status, too."""

    def look() -> str | None:
        status, said = stage.watch()
        assert status == 0 or cause.first_page(), said
        return said if status else None

    said = wait_for(look, "what the watch says", seconds=AFTER_LATE_SECONDS, pause=20)
    assert "clock" in said
    cause.pages(LATE, "error", seconds=5)
    assert stage.watch()[0] == 1, "it says so as long as it is so"


def back_in_time(stage: Stage, cause: Cause) -> None:
    """Start Airflow, which backs up `clock` by itself, and see that the watch resolves the page."""
    stage.house.airflow.start()
    wait_for(lambda: stage.watch()[0] == 0, "a watch that finds nothing", seconds=300, pause=10)
    cause.is_resolved_by("Airflow was started and took the backup; `./proven watch` found it")
    stage.schedule("clock", None)
