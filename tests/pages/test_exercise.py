"""The test page: a person must answer it, and if nobody does everybody hears of that."""

from __future__ import annotations

import pytest

from include.proven.errors import PageError
from include.proven.fleet.pages import FLEET
from include.proven.pages import acknowledging, exercise
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import Page
from tests.pages.ledgers import Desk


def page(run: str = "run 1", kind: str = exercise.KIND, thing: str = "") -> Page:
    return Page(kind=kind, database=FLEET, summary="does this arrive?", run_id=run, thing=thing)


def test_every_route_that_a_page_can_reach_is_tried_and_no_other(desk: Desk) -> None:
    fleet = desk.open().fleet
    assert exercise.reachable(fleet) == ["oncall", "hook", "boss"]
    only_shop = fleet.model_copy(update={"databases": {"shop": fleet.databases["shop"]}})
    assert exercise.reachable(only_shop) == ["oncall", "hook"], "nothing leads to the boss"
    desk.pages = {"escalate": [{"after": "10m", "contacts": ["boss"]}]}
    escalating = only_shop.model_copy(update={"pages": desk.open().fleet.pages})
    assert exercise.reachable(escalating) == ["oncall", "hook", "boss"]


def test_it_goes_everywhere_whatever_the_rules_say_and_ends_when_a_person_answers(desk: Desk) -> None:
    desk.pages = {"rules": [{"severity": ["warning"], "contacts": ["hook"]}]}
    assert exercise.begin(desk.open(), page()) == ["oncall", "hook", "boss"]
    assert desk.heard() == {name: ["trigger"] for name in ("oncall", "hook", "boss")}
    assert exercise.answer(desk.open()) is None
    acknowledging.acknowledge(desk.open(), FLEET, exercise.KIND, "alice")
    found = exercise.answer(desk.open())
    assert found is not None
    assert found.by == "alice"
    assert 0 < found.seconds < 60
    exercise.end(desk.open(), answered=True)
    assert desk.heard() == {name: ["trigger", "resolve"] for name in ("oncall", "hook", "boss")}


@pytest.mark.failure("D5")
def test_that_nobody_answers_is_told_on_every_route_until_a_test_is_answered(desk: Desk) -> None:
    desk.pages = {"contacts": ["hook"]}
    exercise.begin(desk.open(), page())
    exercise.end(desk.open(), answered=False)
    exercise.alarm(desk.open(), page(kind="page-undelivered", thing=exercise.KIND))
    assert desk.heard() == {name: ["trigger", "resolve", "trigger"] for name in ("oncall", "hook", "boss")}
    desk.catch_up()
    assert [incident.key for incident in StoreLedger(desk.open()).open_pages(FLEET)] == [exercise.FAILED]
    exercise.begin(desk.open(), page("run 2"))
    acknowledging.acknowledge(desk.open(), FLEET, exercise.KIND, "alice")
    exercise.end(desk.open(), answered=True)
    assert StoreLedger(desk.open()).open_pages(FLEET) == []


def test_the_answer_to_a_test_that_was_cut_short_is_none_to_the_next(desk: Desk) -> None:
    exercise.begin(desk.open(), page())
    acknowledging.acknowledge(desk.open(), FLEET, exercise.KIND, "alice")
    exercise.begin(desk.open(), page("run 2"))
    assert exercise.answer(desk.open()) is None


def test_a_route_that_does_not_take_it_fails_the_test(desk: Desk) -> None:
    with pytest.raises(PageError, match="boss: trigger"):
        exercise.begin(desk.open("boss"), page())
    assert desk.heard()["oncall"] == ["trigger"]


def test_a_test_whose_page_is_gone_says_so(desk: Desk) -> None:
    with pytest.raises(PageError, match="not open any more"):
        exercise.answer(desk.open())
