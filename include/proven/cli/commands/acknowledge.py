"""Say that somebody is at an open page, so that nobody else is told besides (`pages.escalate`).

This is for routes that know of no acknowledgement: Slack, e-mail, webhooks. PagerDuty and Opsgenie take it themselves, and
escalate themselves; they do not hear of this one.
"""

from __future__ import annotations

import argparse

from include.proven import audit, installation
from include.proven.cli import display
from include.proven.errors import ConfigError
from include.proven.pages import acknowledging

NAME = "acknowledge"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("page", metavar="DATABASE/PAGE", help="as `./proven pages` shows it: shop/backup-failed")
    parser.add_argument("--by", metavar="NAME", default="", help="who is at it (default: who is logged in)")


def run(arguments: argparse.Namespace) -> int:
    """Record the acknowledgement. Raise ConfigError if there is no such open page."""
    # the form in which receivers show it
    database, _, key = arguments.page.removeprefix("proven/").partition("/")
    if not key:
        raise ConfigError(f"{arguments.page!r} names no page", hint="Write DATABASE/PAGE, as `./proven pages` shows it.")
    opened = installation.open_installation()
    incident = acknowledging.acknowledge(opened, database, key, arguments.by.strip() or audit.login_name())
    if arguments.json:
        display.print_json({"page": f"{database}/{key}", "incident": incident.id})
    else:
        display.results.print(f"{database}/{key} is acknowledged: nobody else is told besides", highlight=False, markup=False)
    return 0
