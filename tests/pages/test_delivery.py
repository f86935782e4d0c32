"""Whoever must act is told once; nothing that fails beside the message keeps it from them."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Sequence

import pytest

from include.proven import connections
from include.proven.catalog.pages import PageEvent
from include.proven.errors import PageError, SourceError, StoreError
from include.proven.pages import careful, delivery, posting, transport
from include.proven.pages.incident import Found
from include.proven.pages.kinds import KINDS
from include.proven.pages.page import Page, describe, run_url, runbook_url
from tests.pages.fleets import fleet_paging
from tests.pages.ledgers import Notebook
from tests.servers.pager import ROUTING_KEY, UNKNOWN_KEY, Pager

Known = dict[str, connections.Connection]
NOWHERE = "http://127.0.0.1:9/v2/enqueue"


class BrokenLedger:
    """A ledger in a store that is down."""

    def find(self, database: str, keys: Sequence[str]) -> Found:
        raise StoreError("swift: list objects: 503")

    def append(self, event: PageEvent) -> None:
        raise StoreError("swift: put record: 503")

    withdraw = append


class HangingLedger(Notebook):
    """A ledger in a store that does not answer."""

    def find(self, database: str, keys: Sequence[str]) -> Found:
        time.sleep(3)
        return super().find(database, keys)


class ForgetfulLedger(Notebook):
    """A ledger in a store that can be read and not be written."""

    append = BrokenLedger.append


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WAIT", transport.tenacity.wait_none())
    monkeypatch.setattr(careful, "LEDGER_PATIENCE", 0.5)


def backup_failed(run_id: str = "scheduled__1") -> Page:
    error = SourceError("source: shop: access denied for 'backup'@'%'", detail="ERROR 1045 (28000)", hint="Check the password.")
    pages = fleet_paging(Pager(url="http://p", webhook="http://w")).pages
    return Page(
        kind="backup-failed",
        database="shop",
        run_id=run_id,
        owner="shop-team",
        run_url=run_url(pages, "backup__shop", run_id),
        runbook_url=runbook_url(pages, "backup-failed"),
        **describe(error),
    )


def test_a_page_says_what_happened_what_it_risks_and_where_to_go(pager: Pager) -> None:
    delivery.send(fleet_paging(pager), backup_failed(), Notebook())
    (incident,) = pager.incidents
    payload, event = incident.payload, incident.events[0]
    assert incident.dedup_key == "proven/shop/backup-failed"
    assert payload["summary"] == "shop: backup failed: source: shop: access denied for 'backup'@'%'"
    assert payload["severity"] == "error"
    assert payload["component"] == "shop"
    assert payload["custom_details"]["risk"] == KINDS["backup-failed"].risk
    assert payload["custom_details"]["next"] == "./proven backup shop"
    assert payload["custom_details"]["hint"] == "Check the password."
    assert [link["href"] for link in event["links"]] == [
        "https://airflow.example/proven/runbooks/backup-failed",
        "https://airflow.example/dags/backup__shop/runs/scheduled__1",
    ]
    (post,) = pager.posts
    assert post["event"] == "trigger"
    assert post["headline"] == payload["summary"]
    assert post["runbook_url"].endswith("/backup-failed")


def test_a_run_pages_once_however_many_callbacks_it_has(pager: Pager) -> None:
    fleet, ledger = fleet_paging(pager), Notebook()
    assert delivery.send(fleet, backup_failed(), ledger).routes == ["oncall", "hook"]
    assert delivery.send(fleet, backup_failed(), ledger).routes == []
    assert len(pager.incidents[0].events) == len(pager.posts) == 1


@pytest.mark.failure("D7")
def test_the_next_run_that_fails_joins_the_open_incident(pager: Pager) -> None:
    fleet, ledger = fleet_paging(pager), Notebook()
    delivery.send(fleet, backup_failed("scheduled__1"), ledger)
    delivery.send(fleet, backup_failed("scheduled__2"), ledger)
    assert len(pager.incidents) == 1
    assert len(pager.incidents[0].events) == 2


@pytest.mark.parametrize("ledger", [BrokenLedger(), HangingLedger(), ForgetfulLedger(), None])
def test_a_ledger_that_cannot_be_used_never_prevents_a_page(pager: Pager, ledger: careful.Ledger | None) -> None:
    sent = delivery.send(fleet_paging(pager), backup_failed(), ledger)
    assert sent.routes == ["oncall", "hook"]
    assert len(pager.open) == 1
    assert bool(sent.ledger_fault) == (ledger is not None)


@pytest.mark.failure("D5")
def test_a_dead_route_does_not_keep_the_others_from_being_tried(pager: Pager) -> None:
    ledger = Notebook()
    with pytest.raises(PageError, match=r"oncall: trigger proven/shop/backup-failed: can't reach 127\.0\.0\.1:9"):
        delivery.send(fleet_paging(pager, oncall=NOWHERE), backup_failed(), ledger)
    assert len(pager.posts) == 1
    assert delivery.send(fleet_paging(pager), backup_failed(), ledger).routes == ["oncall"], "at the next occasion"
    assert (len(pager.incidents), len(pager.posts)) == (1, 1)


@pytest.mark.failure("D5")
def test_when_no_route_works_each_is_named(pager: Pager) -> None:
    with pytest.raises(PageError) as caught:
        delivery.send(fleet_paging(pager, oncall=NOWHERE, hook=NOWHERE), backup_failed())
    assert "oncall: trigger" in caught.value.detail
    assert "hook: trigger" in caught.value.detail


@pytest.mark.failure("D5")
def test_where_the_only_contact_does_not_answer_others_are_told_before_it_is_given_up(
    pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "SPARE_AFTER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(transport, "TIMEOUT", 0.5)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/v2/enqueue"
        with pytest.raises(PageError, match="oncall: trigger") as caught:
            delivery.send(fleet_paging(pager, oncall=endpoint, contacts=("oncall",)), backup_failed())
    assert "Taken by hook." in caught.value.hint
    assert len(pager.posts) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_receiver_that_is_busy_is_asked_again(pager: Pager, status: int) -> None:
    pager.answer_next(status, status)
    delivery.send(fleet_paging(pager, contacts=("oncall",)), backup_failed())
    assert pager.refused == [status, status]
    assert len(pager.open) == 1


def test_a_receiver_that_stays_busy_is_given_up_with_its_answer(pager: Pager) -> None:
    pager.answer_next(*[429] * 4)
    with pytest.raises(PageError, match="429 too many requests") as caught:
        delivery.send(fleet_paging(pager, contacts=("oncall",)), backup_failed())
    assert "throttle exceeded" in caught.value.detail


@pytest.mark.failure("D5")
def test_a_refusal_is_not_repeated_and_its_reason_is_told(pager: Pager, known_connections: Known) -> None:
    known_connections["proven_pagerduty"] = connections.Connection("proven_pagerduty", password=UNKNOWN_KEY)
    with pytest.raises(PageError, match="400 bad request") as caught:
        delivery.send(fleet_paging(pager, contacts=("oncall",)), backup_failed())
    assert "Invalid routing key" in caught.value.detail
    assert "check the key" in caught.value.hint
    assert pager.refused == [400]
    assert UNKNOWN_KEY not in str(caught.value)


def test_a_key_of_the_wrong_length_is_told_without_asking(pager: Pager, known_connections: Known) -> None:
    known_connections["proven_pagerduty"] = connections.Connection("proven_pagerduty", password=ROUTING_KEY[:-1])
    with pytest.raises(PageError, match="no PagerDuty routing key"):
        delivery.send(fleet_paging(pager, contacts=("oncall",)), backup_failed())
    assert pager.refused == []


def test_a_contact_whose_connection_is_gone_does_not_keep_the_others_from_hearing(
    pager: Pager, known_connections: Known
) -> None:
    del known_connections["proven_pagerduty"]
    with pytest.raises(PageError, match="connection 'proven_pagerduty' is not defined"):
        delivery.send(fleet_paging(pager), backup_failed())
    assert len(pager.posts) == 1


def test_a_proven_drill_resolves_what_is_open_and_only_that(pager: Pager) -> None:
    fleet, ledger = fleet_paging(pager), Notebook()
    delivery.send(fleet, backup_failed(), ledger)
    told = delivery.resolve(fleet, "shop", ["backup-failed", "drill-refuted", "drill-unproven"], ledger)
    assert told.routes == ["oncall", "hook"]
    assert pager.open == []
    assert [post["event"] for post in pager.posts] == ["trigger", "resolve"]
    assert delivery.resolve(fleet, "shop", KINDS, ledger).routes == []
    assert len(pager.posts) == 2, "success spam trains people to look away"


def test_a_resolution_that_did_not_arrive_is_tried_again(pager: Pager) -> None:
    fleet, ledger = fleet_paging(pager, contacts=("oncall",)), Notebook()
    delivery.send(fleet, backup_failed(), ledger)
    pager.answer_next(*[500] * 4)
    with pytest.raises(PageError):
        delivery.resolve(fleet, "shop", ["backup-failed"], ledger)
    assert len(pager.open) == 1
    delivery.resolve(fleet, "shop", ["backup-failed"], ledger)
    assert pager.open == []


def test_with_a_broken_ledger_everything_is_resolved(pager: Pager) -> None:
    fleet = fleet_paging(pager, contacts=("oncall",))
    delivery.send(fleet, backup_failed())
    assert delivery.resolve(fleet, "shop", ["backup-failed"], BrokenLedger()).ledger_fault
    assert pager.open == []


def test_a_page_without_an_error_still_says_something() -> None:
    assert describe(None, "the task was killed")["summary"] == "the task was killed"
    assert describe(ValueError("first\nsecond"))["summary"] == "ValueError: first"


def test_a_long_summary_is_cut_to_what_pagerduty_takes(pager: Pager) -> None:
    page = dataclasses.replace(backup_failed(), summary="x" * 5000)
    delivery.send(fleet_paging(pager), page)
    assert len(pager.open) == 1
