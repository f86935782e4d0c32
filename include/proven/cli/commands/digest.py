"""Say what the last days were like: which databases are proven, what was done, what was paged.

It is drawn from the stores alone. --send sends it to the contacts of `pages.digest`, to each at most once for each moment of
its schedule: who has had it is left alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import sys

from include.proven import digest, installation
from include.proven.cli import display
from include.proven.fleet.fields import parse_duration
from include.proven.reports.digests import Digest

NAME = "digest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    said = "how far back, such as 7d (default: from the schedule's moment before its last one, or a week)"
    parser.add_argument("--since", type=_duration, metavar="TIME", help=said)
    parser.add_argument("--send", action="store_true", help="send it to the contacts of `pages.digest`")


def run(arguments: argparse.Namespace) -> int:
    """Print or send the digest; return 1 if a database is not in order."""
    opened = installation.open_installation()
    until = datetime.datetime.now(datetime.UTC)
    since = until - arguments.since if arguments.since else digest.begin(opened, until)
    composed = digest.compose(opened, since, until)
    sent = digest.send(opened, composed) if arguments.send else None
    if arguments.json:
        display.print_json(_document(composed, sent))
    else:
        sys.stdout.write(digest.as_text(composed))
        for name in sent.routes if sent else []:
            display.errors.print(f"sent: {name}", highlight=False)
        for name in sent.had_it if sent else []:
            display.errors.print(f"not sent: {name} has had its digest, and gets the next one when it is due", highlight=False)
    return 1 if any(news.faults for news in composed.databases) else 0


def _document(composed: Digest, sent: digest.Sent | None) -> dict[str, object]:
    return {
        "headline": composed.headline,
        "since": composed.since.isoformat(),
        "until": composed.until.isoformat(),
        "databases": [
            {
                **news.line.model_dump(mode="json", exclude={"drills"}),
                "faults": news.faults,
                "warnings": news.warnings,
                "outcomes": news.line.outcomes,
                "proof_age_seconds": news.age.measured,
                "recovery_seconds": news.recovery.measured,
                "pages": [dataclasses.asdict(page) for page in news.pages],
            }
            for news in composed.databases
        ],
        "pages": [dataclasses.asdict(page) for page in composed.pages],
        "silent": list(composed.silent),
        "sent": dataclasses.asdict(sent) if sent else None,
    }


def _duration(text: str) -> datetime.timedelta:
    try:
        parsed = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from error
    if not isinstance(parsed, datetime.timedelta):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration")
    return parsed
