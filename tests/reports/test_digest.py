"""The digest: all in one sentence, what was done and paged below it, and to each contact no more often than was asked for."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Iterator

import pytest
import tenacity

from include.proven import connections, digest, digest_memory
from include.proven.cli import main
from include.proven.errors import ConfigError, PageError
from include.proven.fleet import pages
from include.proven.installation import Installation
from include.proven.pages import incident, transport
from include.proven.pages.page import Page
from include.proven.reports import digests, html, periods
from include.proven.reports.digests import DatabaseNews, Digest
from tests.pages import ways
from tests.reports.conftest import HOSTILE, Drilled
from tests.reports.strict import read
from tests.servers.mail import MailServer
from tests.servers.pager import Pager

DAY = datetime.timedelta(days=1)
WEEK = 7 * DAY
MONDAY = datetime.datetime(2026, 11, 23, 8, 0, 5, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def composed(drilled: Drilled) -> Digest:
    now = datetime.datetime.now(datetime.UTC)
    return digest.compose(drilled.installation, now - WEEK, now)


def news_of(composed: Digest, name: str) -> DatabaseNews:
    (found,) = [news for news in composed.databases if news.line.name == name]
    return found


def well(composed: Digest, name: str, *, hours: float) -> DatabaseNews:
    """Return `shop` as it would be had its newest drill proven data of so many hours ago."""
    shop = news_of(composed, "shop")
    line = shop.line.model_copy(update={"name": name, "problems": [], "newest": shop.line.newest_proven})
    return DatabaseNews(line, dataclasses.replace(shop.age, measured=hours * 3600), shop.recovery)


def test_when_all_is_well_one_sentence_says_so(composed: Digest) -> None:
    fleet = [well(composed, name, hours=hours) for name, hours in (("shop", 3), ("ods", 9.1), ("crm", 5))]
    assert (
        dataclasses.replace(composed, databases=fleet).headline
        == "All 3 databases are proven; the oldest proof is 9 h 06 min old."
    )
    alone = dataclasses.replace(composed, databases=fleet[1:2])
    assert alone.headline == "The database ods is proven; its proof is 9 h 06 min old."
    assert alone.title == "Backups: The database ods is proven; its proof is 9 h 06 min old"


@pytest.mark.failure("D1")
def test_what_is_not_proven_is_named_first(composed: Digest) -> None:
    assert composed.headline == "Of 2, 0 databases are in order; look at idle (never backed up), shop (newest drill refuted)."
    one = well(composed, "crm", hours=1)
    mixed = dataclasses.replace(composed, databases=digests.arrange([one, news_of(composed, "shop")]))
    assert mixed.headline == "Of 2, 1 database is in order; look at shop (newest drill refuted)."
    alone = dataclasses.replace(composed, databases=[news_of(composed, "shop")])
    assert alone.headline == "The database shop is not in order: newest drill refuted."
    many = dataclasses.replace(composed, databases=[news_of(composed, "idle")] * 5)
    assert many.headline.endswith("idle (never backed up) and 2 more.")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"age": 27 * 3600}, "its proof is older than promised"),
        ({"recovery": 3601}, "its restore takes longer than promised"),
        ({"problems": ["Store disk: record can't be trusted."]}, "records that can't be read or trusted"),
        ({"outcome": "unproven"}, "newest drill could not be tried"),
    ],
)
def test_a_database_is_in_order_only_if_nothing_is_wrong(composed: Digest, change: dict[str, object], fault: str) -> None:
    shop = well(composed, "shop", hours=1)
    assert shop.faults == []
    line = shop.line
    if "problems" in change:
        line = line.model_copy(update=change)
    if "outcome" in change:
        assert isinstance(line.newest, periods.DrillLine)
        line = line.model_copy(update={"newest": line.newest.model_copy(update=change)})
    measured = {
        name: dataclasses.replace(getattr(shop, name), measured=change[name]) for name in ("age", "recovery") if name in change
    }
    assert dataclasses.replace(shop, line=line, **measured).faults == [fault]


def test_it_says_what_was_measured_and_done(composed: Digest, drilled: Drilled) -> None:
    shop = news_of(composed, "shop")
    text = digest.as_text(composed)
    assert shop.measured in text
    assert "(26h promised), restored in " in shop.measured
    assert shop.done == "3 backups; 3 drills: 1 proven, 2 refuted", "the newest is forged: its size is nobody's"
    sized = dataclasses.replace(shop, line=shop.line.model_copy(update={"newest_stored_bytes": 1_300_000_000}))
    assert sized.done.startswith("3 backups, the newest 1.3 GB; ")
    assert shop.warnings == list(dict.fromkeys(w for one in (drilled.refuted, drilled.proven) for w in one.warnings))
    assert "never backed up" in text


def test_the_letter_is_sound_and_what_it_quotes_is_escaped(composed: Digest) -> None:
    shop = news_of(composed, "shop")
    drill = shop.line.drills[0].model_copy(update={"warnings": [f"{HOSTILE}\x1b[31m"]})
    bad = dataclasses.replace(shop, line=shop.line.model_copy(update={"drills": [drill]}))
    hostile = dataclasses.replace(composed, databases=[bad])
    seen = read(html.render_digest(hostile))
    assert f"{HOSTILE}␛[31m" in seen.text
    assert "shop & team" in seen.text
    assert "\x1b" not in digest.as_text(hostile)


@pytest.fixture
def paged(drilled: Drilled) -> Iterator[Page]:
    """A page about `shop` that was resolved two hours later, and one that is open."""
    catalog = drilled.installation.catalog("shop")
    at = datetime.datetime.now(datetime.UTC) - DAY
    page = Page("backup-failed", "shop", "no space on device", "run 1")
    opened = incident.opening(page, ["oncall"]).model_copy(update={"at": at})
    told = {"type": "told", "page": None, "to": [], "delivered": ["oncall"], "at": at + datetime.timedelta(seconds=2)}
    resolved = {"type": "resolved", "page": None, "tag": incident.RESOLUTION, "at": at + datetime.timedelta(hours=2)}
    open_now = incident.opening(Page("proof-old", "shop", "27 h old", "run 2"), ["oncall"])
    for event in (opened, opened.model_copy(update=told), opened.model_copy(update=resolved), open_now):
        catalog.record_event(event)
    yield page
    catalog.store.delete_folder("shop/pages")


def test_what_was_paged_is_told_with_its_end(drilled: Drilled, paged: Page) -> None:
    now = datetime.datetime.now(datetime.UTC)
    pages_of = [page.said for page in news_of(digest.compose(drilled.installation, now - WEEK, now), "shop").pages]
    assert len(pages_of) == 2
    assert pages_of[0].startswith("backup-failed on ")
    assert pages_of[0].endswith("UTC, resolved after 2 h 00 min: no space on device")
    assert pages_of[1].endswith("UTC, still open: 27 h old")
    assert paged.summary in digest.as_text(digest.compose(drilled.installation, now - WEEK, now))
    later = news_of(digest.compose(drilled.installation, now - datetime.timedelta(hours=1), now), "shop").pages
    assert [page.key for page in later] == ["proof-old"], "what was over before the period is not told again"


@dataclasses.dataclass
class Contacts:
    """The ways that the digest takes, and what is seen at their ends."""

    installation: Installation
    ways: dict[str, ways.Way]

    def seen(self) -> dict[str, int]:
        return {name: len(way.shown()) for name, way in self.ways.items()}


@pytest.fixture
def contacts(
    drilled: Drilled, pager: Pager, mail: MailServer, certificate: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Contacts]:
    monkeypatch.setattr(transport, "WAIT", tenacity.wait_none())
    made = {
        "hook": ways.of_webhook(pager),
        "slack": ways.of_slack(pager),
        "mail": ways.of_email(mail, certificate),
        "any": ways.of_apprise(pager),
    }
    connections.use_resolver({name: way.connection for name, way in made.items()}.__getitem__)
    routes = {name: way.route.model_copy(update={"connection": name}) for name, way in made.items()}
    yield Contacts(wanting(drilled, routes, list(made)), made)
    connections.use_resolver(None)
    for suffix in ("", ".asc"):
        drilled.installation.catalog("shop").store.delete_record(digest_memory.KEY + suffix)


def wanting(drilled: Drilled, routes: dict[str, pages.Route], contacts: list[str]) -> Installation:
    """Return the installation with a digest for these contacts."""
    fleet = drilled.installation.fleet
    wanted = fleet.pages.model_copy(update={"routes": routes, "digest": pages.Digest(contacts=contacts)})
    return Installation(fleet.model_copy(update={"pages": wanted}))


def at(composed: Digest, moment: datetime.datetime) -> Digest:
    return dataclasses.replace(composed, since=moment - WEEK, until=moment)


def test_each_kind_of_route_tells_it(contacts: Contacts, composed: Digest, mail: MailServer) -> None:
    assert digest.send(contacts.installation, at(composed, MONDAY)).routes == ["hook", "slack", "mail", "any"]
    for way in contacts.ways.values():
        (shown,) = way.shown()
        assert composed.headline.rstrip(".") in shown
        assert "26h promised" in shown
    (letter,) = mail.letters
    body = letter.message.get_body(("html",))
    assert body
    assert composed.headline in read(str(body.get_content()).replace("\r\n", "\n")).text


@pytest.mark.failure("D7")
def test_nobody_gets_it_more_often_than_the_schedule_says(contacts: Contacts, composed: Digest) -> None:
    everybody = list(contacts.ways)
    digest.send(contacts.installation, at(composed, MONDAY))
    for moment in (MONDAY, MONDAY + 6 * DAY):
        again = digest.send(contacts.installation, at(composed, moment))
        assert (again.routes, again.had_it) == ([], everybody)
    assert set(contacts.seen().values()) == {1}
    assert digest.send(contacts.installation, at(composed, MONDAY + WEEK)).routes == everybody


@pytest.mark.failure("D5")
def test_who_has_not_got_it_gets_it_at_the_next_try_and_nobody_twice(contacts: Contacts, composed: Digest) -> None:
    contacts.ways["mail"].answer_next(*[500] * 4)
    with pytest.raises(PageError, match="digest: mail: news"):
        digest.send(contacts.installation, at(composed, MONDAY))
    assert contacts.seen() == {"hook": 1, "slack": 1, "mail": 0, "any": 1}
    assert digest.send(contacts.installation, at(composed, MONDAY)).routes == ["mail"]
    assert set(contacts.seen().values()) == {1}


def test_pagers_are_not_for_news(drilled: Drilled, contacts: Contacts, composed: Digest, pager: Pager) -> None:
    way = ways.of_pagerduty(pager)
    connections.use_resolver({"way": way.connection}.__getitem__)
    with pytest.raises(PageError, match="not for news"):
        digest.send(wanting(drilled, {"oncall": way.route}, ["oncall"]), at(composed, MONDAY))
    assert contacts.seen()["hook"] == 0
    assert pager.incidents == []


@pytest.mark.failure("D5")
def test_a_clock_that_is_behind_loses_no_digest_and_doubles_none(contacts: Contacts, composed: Digest) -> None:
    everybody = list(contacts.ways)
    digest.send(contacts.installation, at(composed, MONDAY))
    early = MONDAY + WEEK - datetime.timedelta(seconds=8)
    assert digest.send(contacts.installation, at(composed, early)).routes == everybody
    assert digest.send(contacts.installation, at(composed, MONDAY + WEEK)).had_it == everybody
    assert digest.begin(contacts.installation, early) == MONDAY.replace(second=0)


def test_it_begins_where_the_last_one_ended(drilled: Drilled, contacts: Contacts) -> None:
    due = MONDAY.replace(second=0)
    for moment in (due, MONDAY, MONDAY + 6 * DAY):
        assert digest.begin(contacts.installation, moment) == due - WEEK
    assert digest.begin(drilled.installation, MONDAY) == MONDAY - WEEK, "where no digest is asked for"


def test_a_fleet_that_wants_none_gets_none(drilled: Drilled, composed: Digest) -> None:
    with pytest.raises(ConfigError, match="asks for none"):
        digest.send(drilled.installation, composed)


def test_the_command_prints_it_and_fails_while_something_is_not_in_order(drilled: Drilled) -> None:
    done = drilled.files.run("digest", "--since", "2d", "--json")
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert said["headline"].startswith("Of 2, 0 databases are in order")
    assert {one["name"]: one["faults"][0] for one in said["databases"]} == {
        "idle": "never backed up",
        "shop": "newest drill refuted",
    }
    with pytest.raises(SystemExit, match="2"):
        main.main(["digest", "--since", "soon"])
