"""Pages in `include/fleet.yaml`: the ways to a person, who hears of what, and how silence is told from health."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import pydantic

from include.proven.fleet.fields import Duration, Endpoint, FilePath, Model, Name, Text

Severity = Literal["critical", "error", "warning", "info"]
"""Of a page. `info` wakes nobody: PagerDuty makes it an incident of low urgency where the service asks for that."""

URGENT: tuple[Severity, ...] = ("critical", "error")
"""What cannot wait: while a page of these is open, things are not in order."""
LEAST_KEEP = datetime.timedelta(days=31)
FLEET = "_fleet"
"""In the place of a database's name: the page is about none. No database can be named so."""


class RouteModel(Model):
    """What every route has."""

    ca_file: FilePath | None = None
    """PEM file of the certificate authorities that the receiver's certificate must come from; unset: the usual ones."""


class PagerDutyRoute(RouteModel):
    """PagerDuty Events API v2."""

    kind: Literal["pagerduty"]
    """Events API v2."""
    connection: Text
    """Airflow connection id; password = the integration's routing key."""
    endpoint: Endpoint = "https://events.pagerduty.com/v2/enqueue"
    """Where events are posted; accounts of the EU region: `https://events.eu.pagerduty.com/v2/enqueue`."""


class OpsgenieRoute(RouteModel):
    """Opsgenie, or the operations of Jira Service Management."""

    kind: Literal["opsgenie"]
    """Alert API v2."""
    connection: Text
    """Airflow connection id; password = the API key of an API integration."""
    endpoint: Endpoint = "https://api.opsgenie.com"
    """The API's address. EU: `https://api.eu.opsgenie.com`; JSM: `https://api.atlassian.com/jsm/ops/integration`."""


class SlackRoute(RouteModel):
    """A message in a Slack channel, by an incoming webhook."""

    kind: Literal["slack"]
    """An incoming webhook."""
    connection: Text
    """Airflow connection id; host = `https://hooks.slack.com/services`, password = what follows in the webhook's address."""


class EmailRoute(RouteModel):
    """An e-mail, by SMTP."""

    kind: Literal["email"]
    """By SMTP."""
    connection: Text
    """Airflow connection id of type `smtp`: host, port, login, password; extra: `from_email`, `disable_ssl`, `disable_tls`."""
    to: Annotated[list[Text], pydantic.Field(min_length=1)]
    """Addresses."""


class WebhookRoute(RouteModel):
    """A POST of the page as JSON."""

    kind: Literal["webhook"]
    """Any receiver of JSON."""
    endpoint: Endpoint
    """Where the JSON is posted. An address that is itself a secret belongs into the environment: `${NAME}`."""
    connection: Text | None = None
    """Airflow connection id; password is sent as a bearer token."""


class AppriseRoute(Model):
    """Any of the hundred services that Apprise knows: Teams, Telegram, Matrix, SMS …"""

    kind: Literal["apprise"]
    """Any service of Apprise's."""
    connection: Text
    """Airflow connection id of type `apprise`; extra `config`: `{"path": "<Apprise URL>", "tag": "…"}`, or a list of them."""


Route = Annotated[
    PagerDutyRoute | OpsgenieRoute | SlackRoute | EmailRoute | WebhookRoute | AppriseRoute, pydantic.Field(discriminator="kind")
]


class Escalation(Model):
    """Who is told besides when nobody has acknowledged a page."""

    after: Duration
    """Since the page was sent."""
    contacts: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Routes."""


class Rule(Model):
    """Who hears of some pages. What it leaves out, it does not ask for."""

    severity: Annotated[list[Severity], pydantic.Field(min_length=1)] | None = None
    """Pages of these severities only."""
    databases: Annotated[list[Name], pydantic.Field(min_length=1)] | None = None
    """Pages about these databases only."""
    owners: Annotated[list[Text], pydantic.Field(min_length=1)] | None = None
    """Pages about databases of these owners only."""
    contacts: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Routes that hear of them, in the place of the database's own `contacts`."""
    escalate: list[Escalation] = []
    """Who is told besides when nobody acknowledges. PagerDuty and Opsgenie escalate themselves: leave that to them."""


class HealthchecksHeartbeat(RouteModel):
    """A GET of an address that must be called again and again: Healthchecks.io, Cronitor, Better Stack, Dead Man's Snitch …"""

    kind: Literal["url"]
    """Any service that waits for a call."""
    connection: Text
    """Airflow connection id; host = the address up to its secret, password = the rest of it."""
    failing: bool = False
    """Also call `<address>/fail` as soon as something is out of order: Healthchecks.io and Better Stack know that."""


class OpsgenieHeartbeat(RouteModel):
    """A heartbeat of Opsgenie."""

    kind: Literal["opsgenie"]
    """Heartbeat API."""
    connection: Text
    """Airflow connection id; password = the API key."""
    name: Text
    """Name of the heartbeat there. It must exist: Opsgenie takes a ping of one that does not, and forgets it."""
    endpoint: Endpoint = "https://api.opsgenie.com"
    """The API's address. EU: `https://api.eu.opsgenie.com`."""


class PrometheusHeartbeat(Model):
    """A file for the textfile collector of Prometheus' node exporter. Alert on the age of `proven_in_order_seconds`."""

    kind: Literal["prometheus"]
    """Textfile collector."""
    file: FilePath
    """Such as /var/lib/node_exporter/textfile/proven.prom. Its directory must exist."""


Heartbeat = Annotated[HealthchecksHeartbeat | OpsgenieHeartbeat | PrometheusHeartbeat, pydantic.Field(discriminator="kind")]


class Digest(Model):
    """Good news, all at once."""

    schedule: Text = "0 8 * * 1"
    """Cron expression: by default Monday at 8."""
    contacts: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Routes that get it. PagerDuty and Opsgenie are not for news."""


class TestPage(Model):
    """A page that a person must acknowledge: that pages arrive is proven, too."""

    schedule: Text | None = "0 10 1 * *"
    """Cron expression: by default the first of each month at 10; null: by hand only."""
    within: Duration = datetime.timedelta(hours=1)
    """Nobody has acknowledged it by then: the run fails, and the other routes are told."""


def require_month(keep: datetime.timedelta) -> datetime.timedelta:
    """Return how long pages are kept. Raise ValueError where that is too short for those who still read them."""
    if keep < LEAST_KEEP:
        raise ValueError(f"is too short: digests read what was over lately, so write {LEAST_KEEP.days}d or more")
    return keep


class Pages(Model):
    """Where pages go, and where their links point."""

    routes: Annotated[dict[Name, Route], pydantic.Field(min_length=1)]
    """Ways to a person, by the name that `contacts` use."""
    rules: list[Rule] = []
    """The first that fits a page says who hears of it; where none does, the `contacts` of its database."""
    contacts: Annotated[list[Name], pydantic.Field(min_length=1)] | None = None
    """Routes that hear of what belongs to no database: stores, keys, the watchdog. Unset: the contacts of all databases."""
    escalate: list[Escalation] = []
    """As of a rule, where no rule fits."""
    airflow_url: str = ""
    """Base URL of the Airflow UI, for links to runs. Empty: Airflow's own `[api] base_url`."""
    runbooks_url: str = ""
    """Base URL of the runbooks (`<url>/<page kind>`). Empty: the pages that our plugin serves under `airflow_url`."""
    settle: Duration = datetime.timedelta(minutes=30)
    """What has come and gone three times within a day stays open until it has been gone for that long."""
    keep: Annotated[Duration, pydantic.AfterValidator(require_month)] = datetime.timedelta(days=400)
    """What was over that long ago is removed from the stores, once a day. By default an auditor's year; 31d at least."""
    heartbeats: dict[Name, Heartbeat] = {}
    """Who outside is told that all is in order, and calls when that stays away. Only sent while the newest verdicts are."""
    digest: Digest | None = None
    """Unset: none is sent."""
    test_page: TestPage = pydantic.Field(default_factory=TestPage)
    """The monthly fire drill of the pages themselves."""
