"""What is peculiar to Slack, Opsgenie and Apprise."""

from __future__ import annotations

import dataclasses
import json

import pytest

from include.proven import connections
from include.proven.errors import ConfigError, PageError
from include.proven.fleet.pages import AppriseRoute, OpsgenieRoute, Severity, SlackRoute
from include.proven.pages import messages, transport
from include.proven.pages.page import Page
from include.proven.pages.wording import as_text, resolved_headline
from tests.pages.ways import PAGE
from tests.servers.opsgenie import API_KEY
from tests.servers.pager import Pager
from tests.servers.slack import SLACK_TOKEN

Known = dict[str, connections.Connection]
SLACK = SlackRoute(kind="slack", connection="slack")
APPRISE = AppriseRoute(kind="apprise", connection="apprise")
LEAKED = Page("sandbox-leaked", "shop", "it is back", "run 1", thing="drill 7/é?x=1&y#z", source="worker-1")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WAIT", transport.tenacity.wait_none())


@pytest.fixture
def channel(pager: Pager, known_connections: Known) -> Pager:
    known_connections["slack"] = connections.Connection("slack", host=pager.slack.url, password=SLACK_TOKEN)
    return pager


@pytest.fixture
def alerts(pager: Pager, known_connections: Known) -> OpsgenieRoute:
    known_connections["opsgenie"] = connections.Connection("opsgenie", password=API_KEY)
    return OpsgenieRoute(kind="opsgenie", connection="opsgenie", endpoint=pager.opsgenie.url)


def services(*addresses: str) -> connections.Connection:
    return connections.Connection("apprise", "apprise", extra={"config": [{"path": address} for address in addresses]})


def test_what_an_error_quotes_can_not_call_a_channel(channel: Pager) -> None:
    page = dataclasses.replace(PAGE, summary="<!channel> & <@U1>", detail="``` <!here> ```")
    messages.trigger("chat", SLACK, page).send()
    (shown,) = channel.slack.shown
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in shown
    assert "<" not in shown
    assert shown.count("```") == 2, "the machine's words stay one block of code"


@pytest.mark.parametrize("filling", ["x", "&", "<b>\n", "`"])
def test_however_much_there_is_to_say_slack_takes_it(channel: Pager, filling: str) -> None:
    long = filling * 5000
    page = dataclasses.replace(PAGE, summary=long, detail=long, hint=long, run_url=long, owner=long)
    messages.trigger("chat", SLACK, page).send()
    messages.news("chat", SLACK, messages.News(long, long * 50)).send()
    assert len(channel.slack.messages) == 2


@pytest.mark.parametrize("password", ["https://hooks.slack.com/services/T0/B0/x", "T0/B0/x y", "../admin", "T0//x"])
def test_what_is_no_webhook_of_slacks_is_told_and_not_shown(known_connections: Known, password: str) -> None:
    known_connections["slack"] = connections.Connection("slack", password=password)
    with pytest.raises(ConfigError, match="no webhook of Slack's") as caught:
        messages.resolution("chat", SLACK, PAGE.dedup_key)
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "severity", "told"),
    [("backup-failed", None, 1), ("page-test", None, 1), ("sabotage-noticed", None, 0), ("backup-failed", "info", 0)],
)
def test_who_is_on_it_is_asked_once_and_where_nobody_need_be_not_at_all(
    channel: Pager, kind: str, severity: Severity | None, told: int
) -> None:
    page = Page(kind, "shop", "x", "run", severity=severity)
    messages.trigger("chat", SLACK, page).send()
    assert (
        channel.slack.shown[0].count("./proven acknowledge shop/") == as_text(page).count("./proven acknowledge shop/") == told
    )


def test_slack_is_found_without_being_named(known_connections: Known) -> None:
    known_connections["slack"] = connections.Connection("slack", password=SLACK_TOKEN)
    message = messages.trigger("chat", SLACK, PAGE)
    assert isinstance(message, transport.Delivery)
    assert message.url == f"https://hooks.slack.com/services/{SLACK_TOKEN}"


def test_one_alert_however_often_it_is_paged_and_a_new_one_after_its_end(pager: Pager, alerts: OpsgenieRoute) -> None:
    for _ in range(2):
        messages.trigger("oncall", alerts, PAGE).send()
    messages.resolution("oncall", alerts, PAGE.dedup_key).send()
    messages.trigger("oncall", alerts, PAGE).send()
    assert [(alert.alias, len(alert.requests), alert.closed) for alert in pager.opsgenie.alerts] == [
        ("proven/shop/backup-failed", 2, True),
        ("proven/shop/backup-failed", 1, False),
    ]
    request = pager.opsgenie.alerts[0].requests[0]
    assert request["priority"] == "P2"
    assert request["tags"] == ["proven", "backup-failed", "error"]
    assert request["details"]["next"] == "./proven backup shop"


def test_an_alias_of_any_characters_is_closed_and_no_other(pager: Pager, alerts: OpsgenieRoute) -> None:
    twin = dataclasses.replace(LEAKED, thing="drill 7")
    for page in (LEAKED, twin):
        messages.trigger("oncall", alerts, page).send()
    messages.resolution("oncall", alerts, LEAKED.dedup_key).send()
    assert {alert.alias: alert.closed for alert in pager.opsgenie.alerts} == {LEAKED.dedup_key: True, twin.dedup_key: False}


@pytest.mark.parametrize(("severity", "priority"), [("critical", "P1"), ("warning", "P3"), ("info", "P5")])
def test_urgency_is_a_priority_and_long_texts_are_cut_to_what_is_taken(
    pager: Pager, alerts: OpsgenieRoute, severity: Severity, priority: str
) -> None:
    page = Page("key-expiring", "shop", "x" * 5000, "run", detail="y" * 20_000, severity=severity, source="w" * 300)
    messages.trigger("oncall", alerts, page).send()
    assert pager.opsgenie.alerts[0].requests[0]["priority"] == priority


def test_jira_service_management_has_the_same_paths_below_another_address(alerts: OpsgenieRoute) -> None:
    jsm = alerts.model_copy(update={"endpoint": "https://api.atlassian.com/jsm/ops/integration"})
    opening, closing = messages.trigger("oncall", jsm, PAGE), messages.resolution("oncall", jsm, PAGE.dedup_key)
    assert isinstance(opening, transport.Delivery)
    assert isinstance(closing, transport.Delivery)
    assert opening.url == "https://api.atlassian.com/jsm/ops/integration/v2/alerts"
    assert closing.url == f"{opening.url}/proven%2Fshop%2Fbackup-failed/close?identifierType=alias"


@pytest.mark.failure("D5")
def test_a_service_of_apprises_that_fails_is_named_and_the_others_have_it_once(pager: Pager, known_connections: Known) -> None:
    known_connections["apprise"] = services(f"json://{pager.apprise}", "xml://user:s3cret-word@127.0.0.1:9/other-path?wait=0")
    with pytest.raises(PageError, match="chat: trigger proven/shop/backup-failed: XML: partial") as caught:
        messages.trigger("chat", APPRISE, PAGE).send()
    assert "Connection error" in caught.value.detail
    assert "s3cret-word" not in str(caught.value)
    assert len(pager.notified) == 1


def test_the_form_of_airflows_provider_may_be_a_text(pager: Pager, known_connections: Known) -> None:
    config = json.dumps({"path": f"json://{pager.apprise}", "tag": ["oncall"]})
    known_connections["apprise"] = connections.Connection("apprise", extra={"config": config})
    messages.trigger("chat", APPRISE, PAGE).send()
    assert pager.notified[0]["title"] == PAGE.headline
    assert pager.notified[0]["type"] == "failure"


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("{not json", "no valid JSON"),
        ([], "no config"),
        ({"tag": "oncall"}, "no config"),
        (["json://127.0.0.1"], "no config"),
        ({"path": "no-such-service://t0ken-of-mine"}, "no. 1 in its config is no address"),
        ({"path": "slack://t0ken-of-mine"}, "no. 1 in its config is no address"),
        ({"path": "t0ken-of-mine"}, "no. 1 in its config is no address"),
    ],
)
def test_addresses_that_apprise_does_not_know_are_told_and_not_shown(
    known_connections: Known, caplog: pytest.LogCaptureFixture, config: object, fault: str
) -> None:
    known_connections["apprise"] = connections.Connection("apprise", extra={"config": config})
    with pytest.raises(ConfigError, match=fault) as caught:
        messages.resolution("chat", APPRISE, PAGE.dedup_key)
    assert "t0ken-of-mine" not in str(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("key", "headline"),
    [
        ("proven/shop/backup-failed", "resolved: shop: backup failed"),
        ("proven/_fleet/store-filling/swift", "resolved: fleet: store is filling up: swift"),
        ("proven/shop/a-kind-of-yesterday", "resolved: shop: a-kind-of-yesterday"),
        ("proven/check", "resolved: check"),
    ],
)
def test_a_resolution_says_in_words_what_is_over(key: str, headline: str) -> None:
    assert resolved_headline(key) == headline
