"""A heartbeat says that all is in order; whatever is not, and whatever does not count it, ends in silence outside."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import pathlib
from collections.abc import Callable, Iterator

import pytest
import tenacity

from include.proven import connections
from include.proven.demo.keys import DemoKeys
from include.proven.errors import ConfigError
from include.proven.fleet import pages
from include.proven.installation import Installation
from include.proven.pages import incident, transport
from include.proven.pages.page import Page
from include.proven.watch import heartbeats
from tests.servers.heartbeats import KEY, Waiting
from tests.watch.installations import directory, install

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)


Known = dict[str, connections.Connection]


@dataclasses.dataclass
class Seen:
    """What a watch has seen."""

    in_order: bool = True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WAIT", tenacity.wait_none())


@pytest.fixture
def known(waiting: Waiting) -> Iterator[Known]:
    """The connections; they may be changed."""
    found = {
        "hc": connections.Connection("hc", "http", host=waiting.url, password=waiting.check),
        "genie": connections.Connection("genie", "http", password=KEY),
    }
    connections.use_resolver(found.__getitem__)
    yield found
    connections.use_resolver(None)


Opened = Callable[..., Installation]


@pytest.fixture
def opened(tmp_path: pathlib.Path, gpg_home: DemoKeys) -> Opened:
    """Give `opened(name=heartbeat)`: an installation with these heartbeats, and a store in which no page is open."""

    def make(**wanted: pages.Heartbeat) -> Installation:
        fleet = install(gpg_home.home, {"disk": directory(tmp_path / "disk")}).fleet
        return Installation(fleet.model_copy(update={"pages": fleet.pages.model_copy(update={"heartbeats": wanted})}))

    return make


def healthchecks(*, failing: bool = False) -> pages.HealthchecksHeartbeat:
    return pages.HealthchecksHeartbeat(kind="url", connection="hc", failing=failing)


def opsgenie(waiting: Waiting, name: str = "proven nightly") -> pages.OpsgenieHeartbeat:
    return pages.OpsgenieHeartbeat(kind="opsgenie", connection="genie", name=name, endpoint=waiting.url)


@pytest.mark.usefixtures("known")
def test_when_all_is_in_order_everybody_outside_hears_of_it(opened: Opened, waiting: Waiting) -> None:
    assert heartbeats.beat(opened(hc=healthchecks(), genie=opsgenie(waiting)), Seen(), now=NOW) == []
    assert waiting.heard == ["success", "opsgenie:proven%20nightly"]
    assert [method for method, _ in waiting.requests] == ["GET", "POST"]


@pytest.mark.failure("D6")
@pytest.mark.usefixtures("known")
def test_what_is_not_in_order_ends_in_silence(opened: Opened, waiting: Waiting) -> None:
    assert heartbeats.beat(opened(hc=healthchecks(), genie=opsgenie(waiting)), Seen(in_order=False), now=NOW) == []
    assert waiting.requests == []


@pytest.mark.usefixtures("known")
def test_a_service_that_knows_failures_is_told_at_once(opened: Opened, waiting: Waiting) -> None:
    assert heartbeats.beat(opened(hc=healthchecks(failing=True)), Seen(in_order=False), now=NOW) == []
    assert waiting.heard == ["fail"]
    heartbeats.beat(opened(hc=healthchecks(failing=True)), Seen(), now=NOW)
    assert waiting.heard == ["fail", "success"]


@pytest.mark.failure("D5")
def test_a_ping_that_is_answered_with_200_and_not_counted_is_told(opened: Opened, waiting: Waiting, known: Known) -> None:
    known["hc"] = connections.Connection("hc", host=waiting.url, password="00000000-0000-4000-8000-000000000000")
    (said,) = heartbeats.beat(opened(hc=healthchecks()), Seen(), now=NOW)
    assert said.startswith("heartbeat hc: ping: 127.0.0.1:")
    assert said.endswith("OK (not found)")
    assert waiting.heard == []


@pytest.mark.usefixtures("known")
def test_a_limit_on_pings_is_told(opened: Opened, waiting: Waiting) -> None:
    waiting.limited = True
    (said,) = heartbeats.beat(opened(hc=healthchecks()), Seen(), now=NOW)
    assert said.endswith("OK (rate limited)")


def test_a_check_may_be_named_by_ping_key_and_slug(opened: Opened, waiting: Waiting, known: Known) -> None:
    known["hc"] = connections.Connection("hc", host=f"{waiting.url}/", password=f"{waiting.ping_key}/{waiting.slug}")
    assert heartbeats.beat(opened(hc=healthchecks()), Seen(), now=NOW) == []
    assert waiting.heard == ["success"]


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.usefixtures("known")
def test_a_service_that_is_busy_is_asked_again(opened: Opened, waiting: Waiting, status: int) -> None:
    waiting.answer_next(status, status)
    assert heartbeats.beat(opened(hc=healthchecks()), Seen(), now=NOW) == []
    assert (waiting.heard, len(waiting.requests)) == (["success"], 3)


@pytest.mark.failure("D5")
def test_one_that_fails_is_told_and_keeps_no_other_from_hearing(opened: Opened, waiting: Waiting, known: Known) -> None:
    known["hc"] = connections.Connection("hc", host="http://127.0.0.1:9", password=waiting.check)
    (said,) = heartbeats.beat(opened(hc=healthchecks(), genie=opsgenie(waiting)), Seen(), now=NOW)
    assert said.startswith("heartbeat hc: ping: can't reach 127.0.0.1:9")
    assert waiting.heard == ["opsgenie:proven%20nightly"]


def test_a_wrong_key_of_opsgenie_is_told(opened: Opened, waiting: Waiting, known: Known) -> None:
    known["genie"] = connections.Connection("genie", password="not-the-key")
    (said,) = heartbeats.beat(opened(genie=opsgenie(waiting)), Seen(), now=NOW)
    assert "401" in said
    assert "Could not authenticate" in said


@pytest.mark.usefixtures("known")
def test_the_address_is_shown_nowhere(opened: Opened, waiting: Waiting, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    installation = opened(hc=healthchecks(failing=True), genie=opsgenie(waiting))
    hidden: list[str] = []
    installation.hide = hidden.append
    waiting.answer_next(404, 500, 500, 500, 500)
    said = heartbeats.beat(installation, Seen(), now=NOW)
    assert len(said) == 2
    for secret in (waiting.check, KEY):
        assert secret not in "".join(said) + caplog.text
        assert secret in hidden


def test_what_can_not_be_sent_is_found_before_it_is_needed(
    opened: Opened, waiting: Waiting, known: Known, tmp_path: pathlib.Path
) -> None:
    file = pages.PrometheusHeartbeat(kind="prometheus", file=tmp_path / "nowhere" / "proven.prom")
    installation = opened(hc=healthchecks(), genie=opsgenie(waiting), file=file)
    for name in ("hc", "genie"):
        heartbeats.check(installation, name)
    known["hc"], known["genie"] = connections.Connection("hc", host=waiting.url), connections.Connection("genie")
    for name in ("hc", "genie", "file"):
        with pytest.raises(ConfigError, match=f"heartbeat {name}"):
            heartbeats.check(installation, name)
    assert waiting.requests == []


@pytest.mark.failure("D6")
@pytest.mark.usefixtures("known")
def test_while_a_refuted_drill_is_unanswered_nobody_hears_that_all_is_well(opened: Opened, waiting: Waiting) -> None:
    installation = opened(hc=healthchecks(), genie=opsgenie(waiting))
    catalog = installation.catalog("shop")
    refuted = incident.opening(Page("drill-refuted", "shop", "table orders differs", "run 1"), ["oncall"])
    for event in (refuted, incident.opening(Page("page-test", "_fleet", "please acknowledge", "run 2"), ["oncall"])):
        catalog.record_event(event)
    assert heartbeats.beat(installation, Seen(), now=NOW) == []
    assert waiting.heard == []
    catalog.record_event(refuted.model_copy(update={"type": "resolved", "tag": incident.RESOLUTION, "page": None}))
    assert heartbeats.beat(installation, Seen(), now=NOW) == []
    assert waiting.heard == ["success", "opsgenie:proven%20nightly"], "a page that only asks for an answer is no fault"


@pytest.mark.failure("D5")
@pytest.mark.usefixtures("known")
def test_where_nobody_can_see_which_pages_are_open_nobody_hears_that_all_is_well(
    opened: Opened, waiting: Waiting, tmp_path: pathlib.Path
) -> None:
    installation = opened(hc=healthchecks())
    (tmp_path / "disk").rename(tmp_path / "not mounted")
    (said,) = heartbeats.beat(installation, Seen(), now=NOW)
    assert said.startswith("heartbeats: which pages are open is not known: ")
    assert waiting.requests == []
