"""A page that nobody acknowledges is told to others, once each."""

from __future__ import annotations

import datetime

import pytest

from include.proven.errors import PageError
from include.proven.fleet.pages import Escalation, Rule
from include.proven.pages import acknowledging, transport
from tests.pages.ledgers import Desk, backup_failed

STAGE = Escalation(after=datetime.timedelta(minutes=15), contacts=["oncall", "boss"])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WAIT", transport.tenacity.wait_none())


@pytest.fixture
def escalating(desk: Desk) -> Desk:
    desk.pages = {"escalate": [STAGE]}
    return desk


def test_when_nobody_acknowledges_the_next_is_told_once(escalating: Desk) -> None:
    escalating.send(backup_failed())
    assert escalating.catch_up(later=14).escalated == []
    assert escalating.catch_up(later=16).escalated == ["shop/backup-failed: boss"], "oncall has been told"
    assert escalating.catch_up(later=60).escalated == []
    assert escalating.heard() == {"oncall": ["trigger"], "hook": ["trigger"], "boss": ["trigger"]}
    assert escalating.resolve().routes == ["oncall", "hook", "boss"]


def test_an_acknowledgement_ends_it(escalating: Desk) -> None:
    escalating.send(backup_failed())
    acknowledging.acknowledge(escalating.open(), "shop", "backup-failed", "alice")
    assert escalating.catch_up(later=60).escalated == []
    incident = escalating.open_page()
    assert incident is not None
    assert incident.acknowledged_by == "alice"


def test_what_is_over_escalates_no_more(escalating: Desk) -> None:
    escalating.send(backup_failed())
    escalating.resolve()
    assert escalating.catch_up(later=60).escalated == []
    assert escalating.heard()["boss"] == []


def test_an_escalation_that_did_not_arrive_is_pending(escalating: Desk) -> None:
    escalating.send(backup_failed())
    caught = escalating.catch_up("boss", later=16)
    assert caught.escalated == []
    assert len(caught.undelivered) == 1
    assert escalating.catch_up(later=17).delivered == ["shop/backup-failed: boss"]
    assert escalating.catch_up(later=18).delivered == []
    assert escalating.heard()["boss"] == ["trigger"]


def test_a_later_run_does_not_begin_the_escalation_anew(escalating: Desk) -> None:
    escalating.send(backup_failed("run 1"))
    escalating.catch_up(later=16)
    escalating.send(backup_failed("run 2"))
    escalating.catch_up(later=60)
    assert escalating.heard() == {"oncall": ["trigger"] * 2, "hook": ["trigger"] * 2, "boss": ["trigger"]}


def test_the_rule_that_fits_says_how_it_escalates(desk: Desk) -> None:
    soon = Escalation(after=datetime.timedelta(minutes=1), contacts=["boss"])
    desk.pages = {"rules": [Rule(severity=["error"], contacts=["hook"], escalate=[soon])], "escalate": [STAGE]}
    desk.send(backup_failed())
    assert desk.catch_up(later=2).escalated == ["shop/backup-failed: boss"]
    assert desk.heard()["oncall"] == []


def test_it_escalates_from_a_contact_that_could_not_be_told(escalating: Desk) -> None:
    with pytest.raises(PageError):
        escalating.send(backup_failed(), "hook")
    caught = escalating.catch_up("hook", later=16)
    assert caught.escalated == ["shop/backup-failed: boss"]
    assert len(caught.undelivered) == 1
