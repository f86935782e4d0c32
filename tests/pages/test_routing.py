"""Who hears of a page: the first rule that fits."""

from __future__ import annotations

import datetime

import pytest

from include.proven.errors import ConfigError
from include.proven.fleet.pages import FLEET, Escalation, Rule
from include.proven.pages import routing
from tests.pages.ledgers import Desk

LATER = Escalation(after=datetime.timedelta(minutes=5), contacts=["boss"])
NIGHT = Rule(severity=["critical"], contacts=["oncall"], escalate=[LATER])
CRM = Rule(databases=["crm"], contacts=["hook"])
SHOP_NEWS = Rule(owners=["shop-team"], severity=["warning", "info"], contacts=["boss", "boss"])


@pytest.mark.parametrize(
    ("database", "severity", "contacts"),
    [
        ("shop", "critical", ["oncall"]),
        ("crm", "critical", ["oncall"]),
        ("crm", "warning", ["hook"]),
        ("shop", "warning", ["boss"]),
        ("shop", "error", ["oncall", "hook"]),
        (FLEET, "critical", ["oncall"]),
        (FLEET, "error", ["oncall", "hook", "boss"]),
    ],
)
def test_the_first_rule_that_fits_decides(desk: Desk, database: str, severity: str, contacts: list[str]) -> None:
    desk.pages = {"rules": [NIGHT, CRM, SHOP_NEWS]}
    found = routing.route(desk.open().fleet, database, severity)
    assert found.contacts == contacts
    assert list(found.escalate) == ([LATER] if contacts == ["oncall"] else [])


def test_where_no_rule_fits_the_fleet_escalates(desk: Desk) -> None:
    desk.pages = {"rules": [CRM], "escalate": [LATER]}
    assert list(routing.route(desk.open().fleet, "shop", "critical").escalate) == [LATER]
    assert list(routing.route(desk.open().fleet, "crm", "critical").escalate) == []


def test_what_belongs_to_no_database_has_contacts_of_its_own(desk: Desk) -> None:
    desk.pages = {"contacts": ["boss"]}
    assert routing.route(desk.open().fleet, FLEET, "error").contacts == ["boss"]


def test_an_unknown_database_is_told(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="no database is named 'shp'"):
        routing.route(desk.open().fleet, "shp", "error")
