"""What comes and goes is resolved when it has been gone for a while; that it is there is always told."""

from __future__ import annotations

from tests.pages.ledgers import Desk, backup_failed

TWICE = ["trigger", "resolve"] * 2


def come_and_go(desk: Desk, **changes: str) -> list[str]:
    """Open and resolve a page three times; return the keys whose last resolution is held back."""
    held: list[str] = []
    for number in range(3):
        assert desk.send(backup_failed(f"run {number}", **changes)) == ["oncall", "hook"]
        held = desk.resolve().held
    return held


def test_the_third_resolution_of_a_day_waits_until_it_has_been_gone_for_a_while(desk: Desk) -> None:
    assert come_and_go(desk) == ["backup-failed"]
    assert desk.heard()["hook"] == [*TWICE, "trigger"]
    assert desk.resolve().held == ["backup-failed"]
    assert desk.catch_up(later=29).delivered == []
    assert len(desk.catch_up(later=31).delivered) == 2
    assert desk.heard()["hook"] == [*TWICE, "trigger", "resolve"]
    assert desk.open_page() is None


def test_when_it_comes_again_meanwhile_that_is_no_new_page_and_no_end(desk: Desk) -> None:
    come_and_go(desk)
    assert desk.send(backup_failed("run 4")) == []
    assert desk.catch_up(later=31).delivered == []
    assert desk.heard()["hook"] == [*TWICE, "trigger"]
    assert desk.send(backup_failed("run 5")) == ["oncall", "hook"], "it stands, and another run has noticed it"


def test_the_watch_that_tells_what_is_open_once_sees_it_come_again(desk: Desk) -> None:
    come_and_go(desk)
    assert desk.send(backup_failed("run 4"), once=True) == []
    assert desk.catch_up(later=31).delivered == []


def test_what_is_critical_is_sent_however_often_it_has_come(desk: Desk) -> None:
    come_and_go(desk, severity="critical")
    assert desk.send(backup_failed("run 4", severity="critical")) == ["oncall", "hook"]


def test_another_page_has_a_life_of_its_own(desk: Desk) -> None:
    come_and_go(desk)
    desk.send(backup_failed(kind="drill-unproven"))
    assert desk.resolve("drill-unproven").routes == ["oncall", "hook"]
