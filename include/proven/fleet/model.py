"""What `include/fleet.yaml` may say. `load.py` reads it; `scripts/schema` writes the JSON Schema for editors from it."""

from __future__ import annotations

import datetime
import pathlib
import re
from typing import Annotated, Literal

import pydantic

Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""A name of ours: lower case, digits and underscores, so that it fits DAG ids, object keys and file names alike."""

DURATION = re.compile(r"(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?")


def parse_duration(value: object) -> object:
    """Given `1d 2h`, `90m` or `45s`, return the timedelta. Raise ValueError with the accepted form."""
    if not isinstance(value, str):
        return value
    match = DURATION.fullmatch(value.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"{value!r} is no duration (write it as 26h, 90m, 45s or 1d 2h)")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


Duration = Annotated[
    datetime.timedelta,
    pydantic.BeforeValidator(parse_duration, json_schema_input_type=str),
]


class Model(pydantic.BaseModel):
    """Base: a misspelt key is a fault, never ignored."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class GnuPG(Model):
    """Who can read the backups, and who vouches for them."""

    home: pathlib.Path
    """GNUPGHOME with the recipients' public keys; on the controller also the private keys for drills and signatures."""
    recipients: Annotated[list[str], pydantic.Field(min_length=1)]
    """Fingerprints (or exact e-mail addresses) of the keys that can decrypt. Two or more: one of them kept offline."""
    signer: str
    """Fingerprint (or exact e-mail address) of the key that signs manifests and verdicts."""
    passphrase_file: pathlib.Path | None = None
    """File with the passphrase of the private keys, if they have one."""


class SwiftStore(Model):
    """A container of OpenStack Swift, written by TempURL."""

    kind: Literal["swift"]
    connection: str
    """Airflow connection id: host = auth URL, login, password; extra: `auth_version` (1, 2, 3), project and domains."""
    container: str
    prefix: str = ""
    url_lifetime: Duration = datetime.timedelta(hours=1)
    """How long a pre-signed URL lives."""


Store = SwiftStore


class LocalSandbox(Model):
    """A scratch server as a process of the worker: unprivileged user, unix socket only."""

    kind: Literal["local"]
    directory: pathlib.Path = pathlib.Path("/var/tmp/proven")
    """Where data directories are made, each in a folder of its own, mode 0700."""
    space_factor: float = pydantic.Field(default=2.5, ge=1)
    """Free space that must be there before a restore, as a multiple of the dump's plain size."""
    lifetime: Duration = datetime.timedelta(hours=12)
    """After that the reaper takes it."""


Sandbox = LocalSandbox


class PagerDutyRoute(Model):
    """PagerDuty Events API v2."""

    kind: Literal["pagerduty"]
    connection: str
    """Airflow connection id; password = the integration's routing key."""
    endpoint: str = "https://events.pagerduty.com/v2/enqueue"


class WebhookRoute(Model):
    """A POST of the page as JSON."""

    kind: Literal["webhook"]
    endpoint: str
    connection: str | None = None
    """Airflow connection id; password is sent as a bearer token."""


Route = Annotated[PagerDutyRoute | WebhookRoute, pydantic.Field(discriminator="kind")]


class Pages(Model):
    """Where pages go, and where their links point."""

    routes: dict[Name, Route]
    airflow_url: str = ""
    """Base URL of the Airflow UI, for links to runs. Empty: Airflow's own `[api] base_url`."""
    runbooks_url: str = ""
    """Base URL of the runbooks (`<url>/<page kind>`). Empty: the pages that our plugin serves under `airflow_url`."""


class Objectives(Model):
    """What the business has been promised."""

    rpo: Duration
    """Recovery point objective: how old the newest proven data may get."""
    rto: Duration
    """Recovery time objective: how long a restore may take."""


class Database(Model):
    """One protected MySQL or MariaDB server (or some of its schemas)."""

    connection: str
    """Airflow connection id of the source."""
    engine: Literal["mariadb", "mysql"]
    schedule: str | None
    """Cron expression or preset (`@daily`); null: backups are taken by hand only."""
    objectives: Objectives
    store: Name
    sandbox: Name
    schemas: Annotated[list[str], pydantic.Field(min_length=1)] | None = None
    """Schemas to back up; unset: all but the server's own, new ones included."""
    canary: bool = True
    """Write a canary row (schema `proven_canary`) before each backup. Off: identity is not proven by it."""
    checks: str | None = None
    """Folder under `include/checks/` with this database's SQL checks; unset: the database's name, if it exists."""
    owner: str
    contacts: Annotated[list[Name], pydantic.Field(min_length=1)]
    """Routes of `pages` that hear about this database."""
    lock_time_limit: Duration = datetime.timedelta(seconds=10)
    """The longest that the read lock may be waited for or held while the snapshots are opened."""
    backup_time_limit: Duration = datetime.timedelta(hours=6)
    drill_time_limit: Duration = datetime.timedelta(hours=12)
    compression_level: int = pydantic.Field(default=3, ge=1, le=19)


class Fleet(Model):
    """One installation."""

    version: Literal[1]
    gnupg: GnuPG
    stores: Annotated[dict[Name, Store], pydantic.Field(min_length=1)]
    sandboxes: Annotated[dict[Name, Sandbox], pydantic.Field(min_length=1)]
    pages: Pages
    databases: Annotated[dict[Name, Database], pydantic.Field(min_length=1)]
    tools: list[pathlib.Path] = []
    """Directories searched for database and GnuPG programs before PATH, where several versions are installed."""
