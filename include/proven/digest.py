"""The digest: that all is well, said once a week and not with every backup (success that is told each time is not read).

It is drawn from the stores as the report of a period is (`reports/period_gathering.py`), with what was paged besides.
"""

from __future__ import annotations

import dataclasses
import datetime

from include.proven import digest_memory
from include.proven.errors import ConfigError, PageError, ProvenError
from include.proven.fleet import schedule
from include.proven.fleet.pages import FLEET, Route
from include.proven.installation import Installation
from include.proven.pages import messages
from include.proven.reports import digests, html, paging, period_gathering
from include.proven.reports.digests import Digest

WEEK = datetime.timedelta(days=7)
AHEAD = datetime.timedelta(minutes=10)
"""Clocks disagree: a run that begins so little before its moment is that moment's, or its digest would not be sent at all."""


@dataclasses.dataclass(frozen=True)
class Sent:
    """What became of a digest."""

    routes: list[str]
    """That took it."""
    had_it: list[str]
    """That have had one since the schedule's last moment: they are left alone."""


def begin(installation: Installation, until: datetime.datetime) -> datetime.datetime:
    """Return when the period of a digest begins that is sent now: at the schedule's moment before its last one."""
    wanted = installation.fleet.pages.digest
    if wanted is None:
        return until - WEEK
    due = schedule.last_moment(wanted.schedule, until + AHEAD)
    return schedule.last_moment(wanted.schedule, due - datetime.timedelta(seconds=1))


def compose(installation: Installation, since: datetime.datetime, until: datetime.datetime) -> Digest:
    """Return the digest of a period that ends now. What can't be read or trusted is named in it."""
    document = period_gathering.draw_between(installation, since, until)
    paged = paging.read(installation, since)
    databases: list[digests.DatabaseNews] = []
    for line in document.databases:
        age, recovery = document.measures(line)
        databases.append(digests.DatabaseNews(line, age, recovery, paged.pages.get(line.name, [])))
    return Digest(since, until, digests.arrange(databases), paged.pages.get(FLEET, []), paged.faults)


def as_text(digest: Digest) -> str:
    """Return a digest as text in which nothing that it quotes can hide or reorder what is read."""
    return digest.text.translate(html.PICTURES)


def send(installation: Installation, digest: Digest) -> Sent:
    """Send a digest to each contact of `pages.digest` that has had none since the schedule's last moment.

    Raise ConfigError if the fleet asks for no digest; PageError, after all routes were tried, if one did not take it. Who has
    got it is remembered: when it is sent again, only the others get it.
    """
    wanted = installation.fleet.pages.digest
    if wanted is None:
        raise ConfigError("digest: the fleet asks for none", hint="Name its contacts in the fleet file: pages.digest.contacts.")
    sent = digest_memory.recall(installation)
    due = schedule.last_moment(wanted.schedule, digest.until + AHEAD)
    contacts = list(dict.fromkeys(wanted.contacts))
    had_it = [name for name in contacts if name in sent and sent[name] >= due]
    failures: list[ProvenError] = []
    for name in contacts:
        if name in had_it:
            continue
        try:
            _compose_message(name, installation.fleet.pages.routes[name], digest).send()
            sent = sent | {name: max(due, digest.until)}
            digest_memory.remember(installation, sent)
        except ProvenError as error:
            failures.append(error)
    if failures:
        raise PageError(
            "digest: " + "; ".join(error.what for error in failures),
            detail="\n".join(error.detail for error in failures if error.detail),
            hint=failures[0].hint,
        )
    return Sent([name for name in contacts if name not in had_it], had_it)


def _compose_message(name: str, route: Route, digest: Digest) -> messages.Message:
    return messages.news(name, route, messages.News(digest.title, as_text(digest), html.render_digest(digest)))
