"""Reports as one HTML document that stands alone: no script, no resource from elsewhere, and whatever it quotes is escaped."""

from __future__ import annotations

import datetime
import functools
import pathlib
import re
from collections.abc import Mapping

import jinja2

from include.proven.fleet import schedule
from include.proven.progress import format_bytes, format_seconds
from include.proven.proof.verdict import Check
from include.proven.reports import commands, controls, differences, facts, measures
from include.proven.reports.digests import Digest
from include.proven.reports.documents import DrillDocument
from include.proven.reports.page_list import PageList
from include.proven.reports.periods import PeriodDocument
from include.proven.reports.timeline import days

TITLES = {"proven": "Proven", "refuted": "Refuted", "unproven": "Unproven"}
MEANING = {
    "proven": "It was restored on a throwaway server, and whatever this drill asks of the copy was answered as it must be.",
    "refuted": "It was tried, and what was seen shows that it is not what it should be.",
    "unproven": "It could not be tried to the end: nothing is shown for this recovery point, and nothing against it.",
}
MARKS = {"pass": "✓", "fail": "✗", "could-not-run": "?", "proven": "✓", "refuted": "✗", "unproven": "?"}
LATE = datetime.timedelta(minutes=15)
"""A list of pages that is older was not drawn when it should have been, every five minutes."""
PICTURES = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD),
}
"""C0 have pictures in Unicode; C1, and what turns the direction of writing, have none."""
ANSWERS = {"pass": "pass", "fail": "fail", "could-not-run": "could not run"}


def render_drill(document: DrillDocument) -> str:
    """Return the report of a drill."""
    verdict = document.verdict
    return _render(
        "drill.html.j2",
        document=document,
        verdict=verdict,
        checks=sorted(verdict.checks, key=_urgency),
        contents=document.contents,
        meaning=MEANING[verdict.outcome],
        measures=measures.measure(document),
        bars=measures.bars(verdict.steps, verdict.checks),
        backup_bars=measures.backup_bars(document.contents.stages) if document.contents else [],
        isolation=facts.isolation(verdict),
        trails=commands.of_drill(verdict.steps, verdict.checks),
        backup_trail=commands.of_backup(document.contents) if document.contents else None,
        passed=sum(check.outcome == "pass" for check in verdict.checks),
        caveat=controls.caveat(document),
        requirements=controls.OF_A_DRILL,
        not_answered=controls.not_answered(period=False),
    )


def render_period(document: PeriodDocument) -> str:
    """Return the report of a period."""
    return _render(
        "period.html.j2",
        document=document,
        all_trusted=not any(line.problems for line in document.databases),
        timelines={line.name: days(line, document.since, document.drawn_at) for line in document.databases},
        requirements=controls.OF_A_PERIOD,
        not_answered=controls.not_answered(period=True),
    )


def render_pages(pages: PageList | None, now: datetime.datetime, *, acknowledge: str) -> str:
    """Return the list of pages as Airflow's UI shows it beside the runbooks; None: nobody has drawn one yet.

    `acknowledge` is where a person says that somebody is at a page. Unlike the others this document has links.
    """
    return _render("pages.html.j2", pages=pages, now=now, late=pages and now - pages.drawn_at > LATE, acknowledge=acknowledge)


def render_digest(digest: Digest) -> str:
    """Return the digest of a period as an e-mail shows it."""
    return _render("digest.html.j2", digest=digest)


def _render(template: str, **values: object) -> str:
    return _templates().get_template(template).render(**values)


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_make_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": facts.moment,
        "day": lambda time: time.astimezone(datetime.UTC).strftime("%Y-%m-%d"),
        "bytes": format_bytes,
        "seconds": format_seconds,
        "promise": _promise,
        "count": facts.count,
        "pieces": differences.split,
        "percent": lambda share: f"{share:.2f}%",
        "grouped": lambda fingerprint: " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4)),
    }
    shared: Mapping[str, object] = {"facts": facts, "commands": commands, "TITLES": TITLES, "MARKS": MARKS, "ANSWERS": ANSWERS}
    environment.globals |= shared
    return environment


def _urgency(check: Check) -> tuple[int, bool]:
    """Return what checks are sorted by: those that decide first, then those that compare data."""
    return ("fail", "could-not-run", "pass").index(check.outcome) if check.severity == "critical" else 2, not check.proves_data


def _make_visible(value: object) -> object:
    """Return a text with every control character as its picture: what is quoted must neither hide nor reorder what is read."""
    return value.translate(PICTURES) if isinstance(value, str) else value


def _promise(seconds: float) -> str:
    """Return an objective as people write it: `26 h`, `1 d 2 h`, `90 min`."""
    words = schedule.words(datetime.timedelta(seconds=seconds))
    return re.sub(r"(\d)([dhms])", r"\1 \2", words).replace("m", "min")
