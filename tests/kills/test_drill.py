"""Whatever keeps a drill from a proof is one page, of its own kind. Each cause has a database of its own."""

from __future__ import annotations

import pytest

from tests.kills.stage import Stage

pytestmark = pytest.mark.scheduler
UNPROVEN = "proven/{}/drill-unproven"


def test_a_drill_that_refutes(stage: Stage) -> None:
    cause, house = stage.cause("refuted"), stage.house
    stage.back_up_only("refuted")
    house.flip_a_byte(house.catalog("refuted").recovery_points("refuted")[-1])
    cause.happens()
    assert house.finish("drill__refuted", house.trigger("drill__refuted"), seconds=300) == "failed"
    cause.pages("proven/refuted/drill-refuted", "critical")
    cause.waits_for_proof()


def test_a_drill_that_can_not_be_tried_once_and_twice(stage: Stage) -> None:
    once, twice, house = stage.cause("unproven"), stage.cause("unproven-again"), stage.house
    stage.back_up_only("unproven")
    with stage.broken_tool("mariadbd", "echo 'no such thing today' >&2", "exit 1"):
        once.happens()
        assert house.finish("drill__unproven", house.trigger("drill__unproven"), seconds=300) == "failed"
        once.pages(UNPROVEN.format("unproven"), "warning", "team")
        twice.happens()
        assert house.finish("drill__unproven", house.trigger("drill__unproven"), seconds=300) == "failed"
        twice.pages(UNPROVEN.format("unproven"), "error")
    once.also = (("trigger", "oncall"), ("resolve", "oncall"))
    twice.also = (("resolve", "team"),)
    once.waits_for_proof()
    twice.waits_for_proof()


def test_a_drill_that_is_killed(stage: Stage) -> None:
    cause, house = stage.cause("drill-killed"), stage.house
    stage.back_up_only("drill_killed")
    with stage.broken_tool("mariadb", "exec sleep 600"):
        run = house.trigger("drill__drill_killed")
        task, _ = stage.task_at_work("drill__drill_killed", run)
        cause.kill(task)
        cause.pages(UNPROVEN.format("drill_killed"), "warning", "team")
        assert house.finish("drill__drill_killed", run, seconds=300) == "failed"
    house.nothing_runs()
    cause.waits_for_proof()
