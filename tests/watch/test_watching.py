"""What the watch finds is told once, for as long as it lasts; what it could not look at is never taken for being well."""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Iterator

import pytest

from include.proven.errors import PageError, StoreError
from include.proven.fleet.pages import FLEET, Severity
from include.proven.installation import Installation
from include.proven.pages import transport
from include.proven.pages.ledger import StoreLedger
from include.proven.watch import watching
from include.proven.watch.concern import Concern, Finding
from include.proven.watch.watching import Watched
from tests.pages.conftest import desk, known_connections
from tests.pages.ledgers import Desk, backup_failed

__all__ = ["desk", "known_connections"]

FULL = Finding("store-filling", "86 % of 10 TB", database="shop", thing="disk")


@dataclasses.dataclass
class Watch:
    """A watch with two concerns that find what they are told to find."""

    desk: Desk
    finds: list[Finding] = dataclasses.field(default_factory=list)
    fails: str = ""
    """The first concern can't look, after it has told what it finds."""
    runs: int = 0

    def concerns(self) -> list[Concern]:
        def look(_installation: Installation, _now: datetime.datetime) -> Iterator[Finding]:
            yield from self.finds
            if self.fails:
                raise StoreError(self.fails)

        return [
            Concern("rooms", ("store-filling", "clock-skewed"), look),
            Concern("sizes", ("backup-size-odd",), lambda _installation, _now: []),
        ]

    def round(self, *down: str, tell: bool = True) -> Watched:
        """Watch once, while nobody answers on these routes."""
        self.runs += 1
        now = datetime.datetime.now(datetime.UTC)
        opened = self.desk.open(*down)
        return watching.run(opened, now=now, run_id=f"watch {self.runs}", concerns=self.concerns(), tell=tell)

    def open_keys(self) -> list[str]:
        return [f"{one.database}/{one.key}" for one in StoreLedger(self.desk.open()).survey().open]


@pytest.fixture
def watch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(transport, "WAIT", transport.tenacity.wait_none())
    return Watch(desk)


def test_when_all_is_well_nobody_hears_of_it(watch: Watch) -> None:
    watched = watch.round()
    assert watched.in_order
    watched.require()
    assert watch.desk.heard() == {"oncall": [], "hook": [], "boss": []}


@pytest.mark.failure("D7")
def test_what_lasts_is_one_page_and_is_resolved_when_it_is_gone(watch: Watch) -> None:
    watch.finds = [FULL]
    for _ in range(3):
        assert watch.round().findings == [FULL]
    assert watch.desk.heard() == {"oncall": ["trigger"], "hook": ["trigger"], "boss": []}
    (incident,) = watch.desk.receivers["oncall"].open
    assert incident.dedup_key == "proven/shop/store-filling/disk"
    assert incident.payload["severity"] == "warning"
    watch.finds = []
    for _ in range(2):
        assert watch.round().in_order
    assert watch.desk.heard() == {"oncall": ["trigger", "resolve"], "hook": ["trigger", "resolve"], "boss": []}
    assert watch.open_keys() == []


def test_each_thing_has_a_page_of_its_own(watch: Watch) -> None:
    other = dataclasses.replace(FULL, thing="far")
    watch.finds = [FULL, other]
    watch.round()
    watch.finds = [other]
    watch.round()
    assert watch.open_keys() == ["shop/store-filling/far"]


@pytest.mark.parametrize(("severity", "times"), [("error", 2), ("warning", 1), ("info", 1)])
def test_what_becomes_more_urgent_is_told_again(watch: Watch, severity: Severity, times: int) -> None:
    watch.finds = [FULL]
    watch.round()
    watch.finds = [dataclasses.replace(FULL, severity=severity)]
    watch.round()
    watch.round()
    assert watch.desk.heard()["oncall"] == ["trigger"] * times
    assert len(watch.desk.receivers["oncall"].incidents) == 1


@pytest.mark.parametrize(("severity", "in_order"), [("critical", False), ("error", False), ("warning", True), ("info", True)])
def test_what_can_wait_leaves_things_in_order(watch: Watch, severity: Severity, in_order: bool) -> None:
    watch.finds = [dataclasses.replace(FULL, severity=severity)]
    assert watch.round().in_order is in_order


@pytest.mark.failure("D6")
def test_what_could_not_be_looked_at_is_a_page_and_resolves_nothing(watch: Watch) -> None:
    watch.finds = [FULL]
    watch.round()
    watch.finds, watch.fails = [], "disk: no answer"
    watched = watch.round()
    assert not watched.in_order
    assert list(watched.failed) == ["rooms"]
    with pytest.raises(PageError, match="rooms: disk: no answer"):
        watched.require()
    assert watch.open_keys() == ["shop/store-filling/disk", f"{FLEET}/watch-failed/rooms"]
    watch.fails = ""
    assert watch.round().in_order
    assert watch.open_keys() == []


def test_what_was_found_before_a_concern_failed_is_told(watch: Watch) -> None:
    watch.finds, watch.fails = [FULL], "far: no answer"
    assert watch.round().findings == [FULL]
    assert set(watch.open_keys()) == {"shop/store-filling/disk", f"{FLEET}/watch-failed/rooms"}


def test_pages_of_others_are_left_alone(watch: Watch) -> None:
    watch.desk.send(backup_failed())
    watch.desk.send(backup_failed(kind="drill-refuted"))
    watch.round()
    assert watch.open_keys() == ["shop/backup-failed", "shop/drill-refuted"]


@pytest.mark.failure("D5")
def test_while_every_endpoint_is_down_it_says_so_and_when_they_return_each_is_told_once(watch: Watch) -> None:
    watch.finds = [FULL]
    for _ in range(2):
        watched = watch.round("oncall", "hook", "boss")
        assert not watched.in_order
        assert any(line.startswith("shop/store-filling/disk: oncall") for line in watched.undelivered)
        with pytest.raises(PageError):
            watched.require()
    assert watch.desk.heard() == {"oncall": [], "hook": [], "boss": []}
    watched = watch.round()
    assert watched.undelivered == []
    posts = [(name, post) for name in ("hook", "boss") for post in watch.desk.receivers[name].posts]
    triggers = collections.Counter((name, post["dedup_key"]) for name, post in posts if post["event"] == "trigger")
    assert triggers["hook", "proven/shop/store-filling/disk"] == 1
    assert set(triggers.values()) == {1}
    assert [one.dedup_key for one in watch.desk.receivers["oncall"].open] == ["proven/shop/store-filling/disk"]
    before = watch.desk.heard()
    watch.round()
    assert watch.desk.heard() == before
    assert watch.open_keys() == ["shop/store-filling/disk"]


@pytest.mark.failure("D5")
def test_that_a_page_did_not_arrive_is_told_on_the_other_routes(watch: Watch) -> None:
    watch.finds = [FULL]
    watch.round("oncall")
    assert [post["kind"] for post in watch.desk.receivers["boss"].posts] == ["page-undelivered"]
    assert watch.round().in_order
    assert [post["event"] for post in watch.desk.receivers["boss"].posts] == ["trigger", "resolve"]


def test_whoever_only_looks_tells_nobody(watch: Watch) -> None:
    watch.finds = [FULL]
    assert watch.round(tell=False).findings == [FULL]
    assert watch.open_keys() == []
    assert not list(watch.desk.folder.iterdir())
