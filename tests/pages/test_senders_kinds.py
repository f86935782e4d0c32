"""Whatever kind a route is of: a page arrives complete, its end does too, and what goes wrong is told without its secrets."""

from __future__ import annotations

import logging
import time

import httpx
import pytest

from include.proven import connections
from include.proven.errors import ConfigError, PageError
from include.proven.pages import delivery, email_message, messages, transport
from tests.pages import ways
from tests.pages.ways import PAGE, Way
from tests.servers.pager import Pager

Known = dict[str, connections.Connection]


@pytest.fixture(params=ways.KINDS)
def way(request: pytest.FixtureRequest, known_connections: Known) -> Way:
    servers = ("mail", "certificate") if request.param == "email" else ("pager",)
    way: Way = getattr(ways, f"of_{request.param}")(*map(request.getfixturevalue, servers))
    known_connections["way"] = way.connection
    return way


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WAIT", transport.tenacity.wait_none())


def page(way: Way) -> None:
    messages.trigger("oncall", way.route, PAGE).send()


def failure(way: Way) -> PageError:
    with pytest.raises(PageError) as caught:
        page(way)
    return caught.value


def test_a_page_arrives_complete(way: Way) -> None:
    page(way)
    (shown,) = way.shown()
    for fact in (PAGE.headline, PAGE.about.risk, PAGE.next_command, PAGE.hint, PAGE.runbook_url, PAGE.run_url):
        assert fact in shown
    assert "ERROR 1045 (28000): Access denied" in shown
    assert PAGE.dedup_key in shown


def test_that_it_is_over_is_told_as_well(way: Way) -> None:
    page(way)
    messages.resolution("oncall", way.route, PAGE.dedup_key).send()
    assert way.resolved()


@pytest.mark.parametrize("status", [429, 500])
def test_a_receiver_that_is_busy_is_asked_again(way: Way, status: int) -> None:
    way.answer_next(status)
    page(way)
    assert len(way.shown()) == 1


@pytest.mark.failure("D5")
def test_a_receiver_that_stays_down_is_given_up_with_what_it_said(way: Way) -> None:
    way.answer_next(*[500] * 9)
    error = failure(way)
    assert error.what.startswith("oncall: trigger proven/shop/backup-failed: ")
    assert error.detail
    assert 3 <= way.attempts() <= 4
    assert way.shown() == []


@pytest.mark.failure("D5")
def test_a_key_that_the_receiver_does_not_know_is_told_at_once(way: Way, known_connections: Known) -> None:
    known_connections["way"] = way.wrong
    error = failure(way)
    assert "Check" in error.hint or "check" in error.hint
    assert way.attempts() <= 1 or way.route.kind == "apprise", "asking again does not help, and Apprise alone can't know"
    assert way.shown() == []


def test_a_receiver_that_is_silent_is_given_up(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.5))
    monkeypatch.setattr(email_message, "TIMEOUT", 0.5)
    way.fall_silent(20)
    begun = time.monotonic()
    failure(way)
    assert time.monotonic() - begun < 15, "four attempts; one alone would have taken longer"


def test_no_secret_is_in_an_error_a_log_or_a_repr(
    way: Way, known_connections: Known, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    if way.route.kind != "email":
        pager: Pager = request.getfixturevalue("pager")
        pager.repeats = True
    told = [repr(messages.trigger("oncall", way.route, PAGE))]
    page(way)
    way.answer_next(*[500] * 4)
    told.append(str(failure(way)))
    known_connections["way"] = way.wrong
    told.append(str(failure(way)))
    told += [record.getMessage() for record in caplog.records if record.name != "mail.log"]  # which is the server's
    for secret in way.secrets:
        assert not [line for line in told if secret in line]


def test_what_can_be_no_connection_of_its_kind_is_told_and_nobody_is_paged(way: Way, known_connections: Known) -> None:
    delivery.check_route("oncall", way.route)
    known_connections["way"] = connections.Connection("way", password="")
    with pytest.raises(ConfigError, match=r"oncall: .*'way'"):
        delivery.check_route("oncall", way.route)
    del known_connections["way"]
    with pytest.raises(ConfigError, match="connection 'way' is not defined"):
        messages.trigger("oncall", way.route, PAGE)
    assert way.shown() == []
    assert way.attempts() == 0


def test_news_go_where_people_read_and_wake_nobody(way: Way) -> None:
    news = messages.News("Proven: all is well", "shop is proven.\n" * 400, "<p>shop is <b>proven</b>.</p>")
    if way.route.kind in {"pagerduty", "opsgenie"}:
        with pytest.raises(ConfigError, match="not for news"):
            messages.news("list", way.route, news)
    else:
        messages.news("list", way.route, news).send()
        (shown,) = way.shown()
        assert "Proven: all is well" in shown
        assert shown.count("shop is proven.") == 400


def test_every_kind_of_route_has_its_module_and_is_tried_here() -> None:
    assert set(ways.KINDS) == set(messages.MODULES)
