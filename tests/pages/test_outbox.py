"""What a route did not take is delivered when it can be: nothing is lost, and nothing is sent twice."""

from __future__ import annotations

import concurrent.futures
import json
import time

import pytest

from include.proven.catalog.pages import EventName, PageEvent, tag_of
from include.proven.cli import main
from include.proven.errors import IntegrityError, PageError
from include.proven.fleet.pages import FLEET
from include.proven.installation import Installation
from include.proven.pages import catching_up, delivery, rivals, transport
from include.proven.pages.careful import Careful
from include.proven.pages.incident import NOTICES, Incident, needed, opening
from include.proven.pages.ledger import StoreLedger
from tests.pages.ledgers import ROUTES, Desk, backup_failed

ONCE = {"oncall": ["trigger"], "hook": ["trigger"], "boss": []}


SLOW_SECONDS = 1.0


class SlowLedger(StoreLedger):
    """Takes its time to write that something was noticed."""

    def append(self, event: PageEvent) -> None:
        if event.type in NOTICES:
            time.sleep(SLOW_SECONDS)
        super().append(event)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WAIT", transport.tenacity.wait_none())


@pytest.mark.failure("D5")
def test_when_every_endpoint_was_down_nothing_is_lost_and_nothing_sent_twice(desk: Desk) -> None:
    with pytest.raises(PageError, match="2 not delivered"):
        desk.send(backup_failed(), *ROUTES)
    missing = desk.catch_up(*ROUTES).undelivered
    assert [line.partition(":")[0] for line in missing] == ["shop/backup-failed"] * 2
    assert {line.split()[1] for line in missing} == {"oncall", "hook"}
    assert sorted(desk.catch_up().delivered) == ["shop/backup-failed: hook", "shop/backup-failed: oncall"]
    assert desk.catch_up() == catching_up.CaughtUp()
    assert desk.heard() == ONCE

    with pytest.raises(PageError, match="2 not delivered"):
        desk.resolve("backup-failed", *ROUTES)
    assert len(desk.catch_up(*ROUTES).undelivered) == 2
    desk.catch_up()
    assert desk.catch_up() == catching_up.CaughtUp()
    assert desk.heard() == {"oncall": ["trigger", "resolve"], "hook": ["trigger", "resolve"], "boss": []}


def test_only_the_route_that_lacks_it_is_told_by_the_runs_next_callback(desk: Desk) -> None:
    with pytest.raises(PageError, match="hook: trigger"):
        desk.send(backup_failed(), "hook")
    assert desk.send(backup_failed()) == ["hook"]
    assert desk.send(backup_failed()) == []
    assert desk.heard() == ONCE


def test_who_has_not_heard_of_it_does_not_hear_of_its_end(desk: Desk) -> None:
    with pytest.raises(PageError):
        desk.send(backup_failed(), "hook")
    assert desk.resolve().routes == ["oncall"]
    assert desk.catch_up() == catching_up.CaughtUp()
    assert desk.heard() == {"oncall": ["trigger", "resolve"], "hook": [], "boss": []}


def test_the_end_of_the_last_one_never_ends_the_next(desk: Desk) -> None:
    desk.send(backup_failed("run 1"))
    with pytest.raises(PageError, match="oncall: resolve"):
        desk.resolve("backup-failed", "oncall")
    desk.send(backup_failed("run 2"))
    assert desk.catch_up().delivered == []
    assert len(desk.receivers["oncall"].open) == 1
    assert desk.open_page() is not None


@pytest.mark.failure("D5")
def test_where_no_contact_takes_it_somebody_else_is_told(desk: Desk) -> None:
    with pytest.raises(PageError) as caught:
        desk.send(backup_failed(), "oncall", "hook")
    assert "Taken by boss." in caught.value.hint
    assert desk.heard()["boss"] == ["trigger"]
    desk.catch_up("oncall", "hook")
    desk.catch_up()
    assert desk.heard() == {"oncall": ["trigger"], "hook": ["trigger"], "boss": ["trigger"]}
    desk.resolve()
    assert [told[-1] for told in desk.heard().values()] == ["resolve"] * 3


def test_a_page_of_a_process_that_was_killed_is_delivered_by_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(delivery.posting, "tell_page", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.send(backup_failed())
    assert desk.catch_up() == catching_up.CaughtUp(), "it may be at it still"
    desk.catch_up(later=3)
    assert desk.heard() == ONCE


def test_two_who_catch_up_at_once_tell_nobody_twice(desk: Desk) -> None:
    with pytest.raises(PageError):
        desk.send(backup_failed(), "hook")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for attempt in [pool.submit(desk.catch_up) for _ in range(4)]:
            attempt.result()
    assert desk.heard() == ONCE
    assert desk.records("trying") == []


def test_two_callbacks_of_a_run_at_the_same_moment_are_one_page(desk: Desk) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        told = [attempt.result() for attempt in [pool.submit(desk.send, backup_failed()) for _ in range(4)]]
    assert sorted(told) == [[], [], [], ["oncall", "hook"]]
    assert desk.heard() == ONCE


def send_slowly(desk: Desk, run_id: str) -> list[str]:
    """Send a page by a callback whose notice takes a second to write."""
    opened = desk.open()
    return delivery.send(opened.fleet, backup_failed(run_id), SlowLedger(opened)).routes


@pytest.mark.parametrize("known", [False, True])
def test_who_was_first_but_writes_slowly_leaves_it_to_who_has_told_people(desk: Desk, known: bool) -> None:
    if known:
        desk.send(backup_failed("run 0"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(send_slowly, desk, "run 1")
        time.sleep(SLOW_SECONDS / 2)
        assert desk.send(backup_failed("run 1")) == ["oncall", "hook"]
        assert first.result() == []
    assert desk.heard() == {route: told * 2 if known else told for route, told in ONCE.items()}
    assert len(StoreLedger(desk.open()).open_pages("shop")) == 1


def notice(desk: Desk, known: Incident | None) -> PageEvent:
    """Record, as a callback of run 1 does that knew only this incident, that something was noticed."""
    page, to = backup_failed("run 1"), ["oncall", "hook"]
    event = known.event("noticed", tag_of(page.run_id), page=page, to=to) if known else opening(page, to)
    StoreLedger(desk.open()).append(event)
    return event


@pytest.mark.parametrize("known", [False, True])
def test_who_sees_an_older_notice_of_the_run_says_that_it_leaves(desk: Desk, known: bool) -> None:
    if known:
        desk.send(backup_failed("run 0"))
    open_before = desk.open_page()
    older, younger = notice(desk, open_before), notice(desk, open_before)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(rivals.yields, older, Careful(StoreLedger(desk.open())))
        time.sleep(SLOW_SECONDS / 2)
        assert not waiting.done()
        assert rivals.yields(younger, Careful(StoreLedger(desk.open())))
        assert not waiting.result()


def test_a_failure_that_stays_is_recorded_once(desk: Desk) -> None:
    with pytest.raises(PageError):
        desk.send(backup_failed(), "hook")
    for _ in range(3):
        desk.catch_up("hook")
    assert len(desk.records("told")) == 1


def test_a_page_about_no_database_is_everybodys(desk: Desk) -> None:
    page = backup_failed(kind="key-expiring", database=FLEET, summary="in 7 days")
    assert desk.send(page) == ["oncall", "hook", "boss"]
    assert desk.send(page) == []
    opened = desk.open()
    assert delivery.resolve(opened.fleet, FLEET, ["key-expiring"], StoreLedger(opened)).routes == ["oncall", "hook", "boss"]


def test_what_is_open_is_sent_once_and_again_when_it_gets_worse(desk: Desk) -> None:
    assert desk.send(backup_failed("run 1", severity="warning"), once=True) == ["oncall", "hook"]
    assert desk.send(backup_failed("run 2", severity="warning"), once=True) == []
    assert desk.send(backup_failed("run 3", severity="critical"), once=True) == ["oncall", "hook"]
    assert desk.send(backup_failed("run 4", severity="error"), once=True) == []


def test_what_fails_for_a_week_is_read_in_a_moment() -> None:
    stamps = [f"20261121T{minute // 60:02}{minute % 60:02}00000000Z" for minute in range(400)]
    kinds = ["opened", *["told", "noticed"] * 199, "told"]
    tags = [tag_of(f"run {number // 2}") for number in range(400)]
    names = [EventName("shop", "backup-failed", "i", *one) for one in zip(stamps, kinds, tags, strict=True)]
    assert needed(names) == names[-2:]


@pytest.mark.parametrize("change", ["content", "signature", "elsewhere"])
def test_a_record_that_somebody_has_touched_hides_no_page(desk: Desk, change: str) -> None:
    """The page goes out a second time, and the fault is named."""
    desk.send(backup_failed())
    desk.send(backup_failed(kind="drill-unproven"))
    told, other = desk.records("told")
    if change == "content":
        told.write_bytes(told.read_bytes().replace(b'"hook"', b'"boss"'))
    elif change == "signature":
        told.with_suffix(".json.asc").unlink()
    else:
        told.write_bytes(other.read_bytes())
        told.with_suffix(".json.asc").write_bytes(other.with_suffix(".json.asc").read_bytes())
    opened = desk.open()
    sent = delivery.send(opened.fleet, backup_failed(), StoreLedger(opened))
    assert sent.routes == ["oncall", "hook"]
    assert told.name in sent.ledger_fault
    assert any(told.name in line for line in desk.catch_up().undelivered)
    with pytest.raises(IntegrityError):
        catching_up.undelivered(opened, now=StoreLedger(opened).open_pages("shop")[0].opened_at)


def test_the_command_lists_what_is_open_and_what_is_pending(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def open_installation() -> Installation:
        return desk.open()

    monkeypatch.setattr("include.proven.installation.open_installation", open_installation)
    assert main.main(["pages"]) == 0
    assert "no page is open" in capsys.readouterr().out
    with pytest.raises(PageError):
        desk.send(backup_failed(), "hook")
    assert main.main(["pages"]) == 1
    said = capsys.readouterr().out
    for words in ("shop/backup-failed  error  open, since", "shop: backup failed: no space", "told oncall", "pending hook: "):
        assert words in said
    desk.catch_up()
    desk.resolve()
    assert main.main(["pages", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"pages": [], "faults": []}
    assert main.main(["pages", "--all", "--json"]) == 0
    (page,) = json.loads(capsys.readouterr().out)["pages"]
    assert (page["state"], page["told"], page["pending"]) == ("over", ["oncall", "hook"], {})
