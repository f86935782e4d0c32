"""One way to a person for each kind of route: the route, its connection, and what the person sees at the other end."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable

from include.proven import connections
from include.proven.fleet import pages
from include.proven.pages.page import Page
from tests.servers.mail import LOGIN, PASSWORD, MailServer
from tests.servers.opsgenie import API_KEY
from tests.servers.pager import APPRISE_SECRET, ROUTING_KEY, TOKEN, UNKNOWN_KEY, Pager
from tests.servers.slack import SLACK_TOKEN

KINDS = ("pagerduty", "opsgenie", "slack", "email", "webhook", "apprise")
PAGE = Page(
    kind="backup-failed",
    database="shop",
    summary="source: shop: access denied for 'backup'@'%'",
    run_id="scheduled__1",
    detail="ERROR 1045 (28000): Access denied <backup> & gone",
    hint="Check the password of the connection.",
    owner="shop-team",
    run_url="https://airflow.example/dags/backup__shop/runs/scheduled__1",
    runbook_url="https://airflow.example/proven/runbooks/backup-failed",
    source="worker-1",
)


@dataclasses.dataclass
class Way:
    """A route, and its receiver as the tests need it."""

    route: pages.Route
    connection: connections.Connection
    wrong: connections.Connection
    """The same with a key that its receiver does not know."""
    secrets: tuple[str, ...]
    shown: Callable[[], list[str]]
    """What a person has seen of each page."""
    resolved: Callable[[], bool]
    """Whether a person sees that the one page is over."""
    answer_next: Callable[..., None]
    """Let the receiver answer so to the next requests: 429, or 500."""
    fall_silent: Callable[[float], None]
    attempts: Callable[[], int]
    """Requests that were refused."""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def of_pagerduty(pager: Pager) -> Way:
    return Way(
        route=pages.PagerDutyRoute(kind="pagerduty", connection="way", endpoint=pager.url),
        connection=connections.Connection("way", password=ROUTING_KEY),
        wrong=connections.Connection("way", password=UNKNOWN_KEY),
        secrets=(ROUTING_KEY, UNKNOWN_KEY),
        shown=lambda: [_json(event) for incident in pager.incidents for event in incident.events],
        resolved=lambda: [incident.resolved for incident in pager.incidents] == [True],
        **_by_http(pager),
    )


def of_opsgenie(pager: Pager) -> Way:
    unknown = API_KEY.replace("1", "f")
    return Way(
        route=pages.OpsgenieRoute(kind="opsgenie", connection="way", endpoint=pager.opsgenie.url),
        connection=connections.Connection("way", password=API_KEY),
        wrong=connections.Connection("way", password=unknown),
        secrets=(API_KEY, unknown),
        shown=lambda: [_json(request) for alert in pager.opsgenie.alerts for request in alert.requests],
        resolved=lambda: [alert.closed for alert in pager.opsgenie.alerts] == [True],
        **_by_http(pager),
    )


def of_slack(pager: Pager) -> Way:
    unknown = SLACK_TOKEN.replace("Webh00k", "0ther")
    return Way(
        route=pages.SlackRoute(kind="slack", connection="way"),
        connection=connections.Connection("way", host=pager.slack.url, password=SLACK_TOKEN),
        wrong=connections.Connection("way", host=pager.slack.url, password=unknown),
        secrets=(SLACK_TOKEN, unknown),
        shown=lambda: pager.slack.shown,
        resolved=lambda: "resolved: shop: backup failed" in pager.slack.shown[-1],
        **_by_http(pager),
    )


def of_webhook(pager: Pager) -> Way:
    return Way(
        route=pages.WebhookRoute(kind="webhook", connection="way", endpoint=pager.webhook),
        connection=connections.Connection("way", password=TOKEN),
        wrong=connections.Connection("way", password="another-token"),
        secrets=(TOKEN, "another-token"),
        shown=lambda: [_json(post) for post in pager.posts],
        resolved=lambda: [post["event"] for post in pager.posts] == ["trigger", "resolve"],
        **_by_http(pager),
    )


def of_apprise(pager: Pager) -> Way:
    # seconds to connect, to read, and between attempts: fewer than Apprise's own
    address = f"json://{pager.apprise}?cto=1&rto=1&wait=0"
    unknown = address.replace(APPRISE_SECRET, "another-secret")
    return Way(
        route=pages.AppriseRoute(kind="apprise", connection="way"),
        connection=connections.Connection("way", extra={"config": {"path": address, "tag": "oncall"}}),
        wrong=connections.Connection("way", extra={"config": {"path": unknown}}),
        secrets=(APPRISE_SECRET, "another-secret"),
        shown=lambda: [_json(notification) for notification in pager.notified],
        resolved=lambda: [one["type"] for one in pager.notified] == ["failure", "success"],
        **_by_http(pager),
    )


def of_email(mail: MailServer, certificate: pathlib.Path) -> Way:
    settings = {"host": "127.0.0.1", "port": mail.port, "login": LOGIN, "extra": {"disable_ssl": True}}

    def answer_next(*statuses: int) -> None:
        mail.answers.extend(
            {429: "450 4.7.1 slow down", 500: f"451 4.3.0 {PASSWORD} told to fail"}[status] for status in statuses
        )

    return Way(
        route=pages.EmailRoute(kind="email", connection="way", to=["dba@shop.example"], ca_file=certificate),
        connection=connections.Connection("way", password=PASSWORD, **settings),
        wrong=connections.Connection("way", password="another-pass-word", **settings),
        secrets=(PASSWORD, "another-pass-word"),
        shown=lambda: [f"{letter.message['Subject']}\n{letter.text}" for letter in mail.letters],
        resolved=lambda: mail.letters[-1].message["Subject"] == "resolved: shop: backup failed",
        answer_next=answer_next,
        fall_silent=lambda seconds: setattr(mail, "silence", seconds),
        attempts=lambda: mail.deliveries,
    )


def _by_http(pager: Pager) -> dict[str, Callable[..., object]]:
    return {
        "answer_next": pager.answer_next,
        "fall_silent": lambda seconds: setattr(pager, "silence", seconds),
        "attempts": lambda: len(pager.refused),
    }
