"""The report of a period says of every database what was drilled and what is proven, and names what it could not trust."""

from __future__ import annotations

import datetime

import pytest

from include.proven.catalog import Catalog
from include.proven.proof.verdict import Step
from include.proven.reports import html, period_gathering, timeline
from include.proven.reports.periods import DatabaseLine, PeriodDocument
from tests.reports.conftest import Drilled
from tests.reports.strict import read

DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def document(drilled: Drilled) -> PeriodDocument:
    return period_gathering.draw(drilled.installation)


def line_of(document: PeriodDocument, name: str) -> DatabaseLine:
    (line,) = [line for line in document.databases if line.name == name]
    return line


def test_it_counts_the_drills_of_each_database(document: PeriodDocument, drilled: Drilled) -> None:
    shop, idle = line_of(document, "shop"), line_of(document, "idle")
    assert shop.outcomes == {"proven": 1, "refuted": 2, "unproven": 0}
    assert shop.recovery_points == 3
    assert shop.newest
    assert shop.newest_proven
    assert (shop.newest.drill, shop.newest_proven.drill) == (drilled.untrusted.drill, drilled.proven.drill)
    assert (idle.newest, idle.newest_proven, idle.newest_point) == (None, None, "")


def test_a_promise_is_kept_by_what_is_proven_only(document: PeriodDocument) -> None:
    assert [measure.status for measure in document.measures(line_of(document, "shop"))] == ["met", "met"]
    assert [measure.status for measure in document.measures(line_of(document, "idle"))] == ["not shown", "not shown"]
    later = document.model_copy(update={"drawn_at": document.drawn_at + 2 * DAY})
    assert [measure.status for measure in later.measures(line_of(later, "shop"))] == ["not met", "met"]


def test_what_can_not_be_trusted_is_named(document: PeriodDocument, drilled: Drilled) -> None:
    (problem,) = line_of(document, "shop").problems
    assert drilled.untrusted.recovery_point in problem
    assert "can't be trusted" in problem
    assert problem in read(html.render_period(document)).text


def test_the_document_is_sound_and_names_every_drill(document: PeriodDocument, drilled: Drilled) -> None:
    seen = read(html.render_period(document)).text
    for verdict in (drilled.proven, drilled.refuted, drilled.untrusted):
        for text in (verdict.drill, verdict.recovery_point, verdict.reason):
            assert text in seen
    for text in ("never drilled", "shop & team", "A.8.13", "A1.3", "by hand only"):
        assert text in seen


def test_a_drill_before_the_period_is_not_counted_and_still_the_newest_that_is_proven(drilled: Drilled) -> None:
    later = datetime.datetime.now(datetime.UTC) + 200 * DAY
    line = line_of(period_gathering.draw(drilled.installation, now=later), "shop")
    assert line.drills == []
    assert line.recovery_points == 0
    assert line.newest_proven
    assert line.newest_proven.drill == drilled.proven.drill


def test_a_drill_that_was_killed_before_its_verdict_is_named(drilled: Drilled) -> None:
    catalog: Catalog = drilled.installation.catalog("shop")
    killed = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-drill-0badf00d"
    catalog.record_evidence("shop", drilled.proven.recovery_point, killed, Step(name="build", outcome="done"))
    try:
        document = period_gathering.draw(drilled.installation)
        assert line_of(document, "shop").unfinished == [killed]
        assert f"{killed}: under way, or killed" in read(html.render_period(document)).text
    finally:
        catalog.drop_evidence("shop", drilled.proven.recovery_point, killed)


def test_what_is_proven_of_newer_data_counts_though_older_data_was_drilled_since(drilled: Drilled) -> None:
    catalog: Catalog = drilled.installation.catalog("shop")
    newer, long_ago = drilled.refuted.recovery_point, "20200101T000000Z-drill-0badf00d"
    catalog.record_verdict(drilled.proven.model_copy(update={"drill": long_ago, "recovery_point": newer}))
    try:
        line = line_of(period_gathering.draw(drilled.installation), "shop")
        assert line.newest_proven
        assert (line.newest_proven.recovery_point, line.newest_proven.drill) == (newer, long_ago)
    finally:
        for suffix in ("", ".asc"):
            catalog.store.delete_record(f"shop/{newer}/drills/{long_ago}.json{suffix}")


def test_a_day_shows_its_worst(document: PeriodDocument) -> None:
    days = timeline.days(line_of(document, "shop"), document.since, document.drawn_at)
    assert len(days) == 91
    assert [day.outcome for day in days if day.outcome] == ["refuted"]
    assert not any(day.outcome for day in timeline.days(line_of(document, "idle"), document.since, document.drawn_at))
