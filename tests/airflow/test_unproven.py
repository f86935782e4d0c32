"""The first drill that can't be tried is a warning; the second in a row is not: what passes by itself wakes nobody."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from include.proven import ids
from include.proven.demo.keys import DemoKeys
from include.proven.drill import Drill
from include.proven.errors import StoreError
from include.proven.installation import Installation
from include.proven.proof.verdict import Step
from proven_airflow import aftermath, callbacks
from tests.catalog import records
from tests.pages.ledgers import ROUTES, Desk
from tests.watch.installations import DAY, NOW

POINT = records.POINTS[1]


@pytest.fixture
def installation(tmp_path: pathlib.Path, gpg_home: DemoKeys) -> Installation:
    return Desk(tmp_path / "disk", gpg_home.home, {}).open(*ROUTES)


def drill(days_ago: float = 0) -> Drill:
    found = ids.new_drill(now=NOW - days_ago * DAY, run=f"drill__shop/{days_ago}")
    return Drill(id=found, database="shop", recovery_point=POINT, store="disk", sandbox="local")


def conclude(installation: Installation, days_ago: float, outcome: str) -> None:
    """Store the verdict of a drill of that day."""
    verdict = records.verdict(POINT, drill(days_ago).id).model_copy(update={"outcome": outcome})
    installation.catalog("shop").record_verdict(verdict)


def severity(installation: Installation) -> str | None:
    return callbacks._severity(installation, drill())


def test_the_first_is_a_warning(installation: Installation) -> None:
    assert severity(installation) == "warning"


@pytest.mark.parametrize(("outcomes", "expected"), [("up", "warning"), ("pu", None), ("ur", "warning"), ("ruu", None)])
def test_the_newest_verdict_before_decides(installation: Installation, outcomes: str, expected: str | None) -> None:
    names = {"p": "proven", "r": "refuted", "u": "unproven"}
    for days, outcome in enumerate(reversed(outcomes), start=1):
        conclude(installation, days, names[outcome])
    conclude(installation, 0, "unproven")  # its own, and one that has begun since, say nothing
    conclude(installation, -1, "proven")
    assert severity(installation) == expected


def test_a_drill_that_was_ended_without_a_verdict_was_not_tried_either(installation: Installation) -> None:
    conclude(installation, 2, "proven")
    installation.catalog("shop").record_evidence("shop", POINT, drill(1).id, Step(name="build", outcome="done"))
    assert severity(installation) is None


def test_where_nobody_can_say_it_is_as_loud_as_the_kind(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise StoreError("disk: list: input/output error")

    monkeypatch.setattr("include.proven.catalog.Catalog.drills", refuse)
    with pytest.raises(StoreError):
        aftermath.is_again_unproven(installation, drill())
    assert severity(installation) is None
