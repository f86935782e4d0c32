"""Whatever keeps a drill from a proof is one page, of its own kind, and the next proof resolves it."""

from __future__ import annotations

import pytest

from tests.kills.stage import Stage

pytestmark = pytest.mark.scheduler
PROOF = "the next backup was drilled and proven"
UNPROVEN = "proven/{}/drill-unproven"


def test_a_drill_that_refutes(stage: Stage) -> None:
    cause, house = stage.cause("refuted"), stage.house
    house.pause("drill__refuted")
    assert house.finish("backup__refuted", house.trigger("backup__refuted")) == "success"
    house.flip_a_byte(house.catalog("refuted").recovery_points("refuted")[-1])
    house.pause("drill__refuted", paused=False)
    cause.happens()
    assert house.finish("drill__refuted", house.trigger("drill__refuted")) == "failed"
    cause.pages("proven/refuted/drill-refuted", "critical")
    stage.prove("refuted")
    cause.is_resolved_by(PROOF)


def test_a_drill_that_can_not_be_tried_once_and_twice(stage: Stage) -> None:
    once, twice, house = stage.cause("unproven"), stage.cause("unproven-again"), stage.house
    stage.prove("unproven")
    with stage.broken_tool("mariadbd", "echo 'no such thing today' >&2", "exit 1"):
        once.happens()
        assert house.finish("fire_drill", house.trigger("fire_drill", database="unproven")) == "failed"
        once.pages(UNPROVEN.format("unproven"), "warning", "team")
        twice.happens()
        assert house.finish("fire_drill", house.trigger("fire_drill", database="unproven")) == "failed"
        twice.pages(UNPROVEN.format("unproven"), "error")
    assert house.finish("fire_drill", house.trigger("fire_drill", database="unproven")) == "success"
    what = "the same recovery point was drilled and proven"
    twice.is_resolved_by(what, ("resolve", "team"))
    once.is_resolved_by(what, ("trigger", "oncall"), ("resolve", "oncall"))


def test_a_drill_that_is_killed(stage: Stage) -> None:
    cause, house = stage.cause("drill-killed"), stage.house
    stage.prove("drill_killed")
    with stage.broken_tool("mariadb", "exec sleep 600"):
        run = house.trigger("fire_drill", database="drill_killed")
        task, _ = stage.task_at_work("fire_drill", run)
        cause.kill(task)
        cause.pages(UNPROVEN.format("drill_killed"), "warning", "team")
        assert house.finish("fire_drill", run) == "failed"
    house.nothing_runs()
    assert house.finish("fire_drill", house.trigger("fire_drill", database="drill_killed")) == "success"
    cause.is_resolved_by("the same recovery point was drilled and proven")
