"""One round of the watch: asks every concern, pages what it finds, resolves what is gone, delivers what has not arrived.

A condition that lasts is one page, however often it is found: the ledger knows what is open. What could not be looked at is a
page of its own, and nothing of it is resolved.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Sequence

from include.proven.errors import PageError, ProvenError
from include.proven.fleet.pages import URGENT
from include.proven.installation import Installation
from include.proven.pages import pruning
from include.proven.pages.page import page_key
from include.proven.watch import asking
from include.proven.watch.concern import Concern, Finding
from include.proven.watch.concerns import CONCERNS

FAILED = "watch-failed"
PRUNING = "old pages"
"""What stands in a concern's place where old pages can't be removed."""


@dataclasses.dataclass
class Watched:
    """What one round has seen, and whom it could not tell."""

    findings: list[Finding] = dataclasses.field(default_factory=list)
    failed: dict[str, ProvenError] = dataclasses.field(default_factory=dict)
    """Concern → why it could not look (everywhere)."""
    undelivered: list[str] = dataclasses.field(default_factory=list)
    """A line for each page, or end of one, that has not reached somebody whom it should have."""
    pruned: list[str] = dataclasses.field(default_factory=list)
    """A line for each database of which old pages were removed from the ledger."""

    @property
    def in_order(self) -> bool:
        """Nothing is wrong that can't wait, all that there is to look at was looked at, and every page was delivered."""
        urgent = [finding for finding in self.findings if finding.urgency in URGENT]
        return not (urgent or self.failed or self.undelivered)

    def require(self) -> None:
        """Raise one PageError that names what could not be looked at and what was not delivered, if there is any."""
        lines = [*(f"{concern}: {error.what}" for concern, error in self.failed.items()), *self.undelivered]
        if lines:
            more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
            hint = "All else was looked at and told. The next watch tries again."
            raise PageError(f"watch: {lines[0]}{more}", detail="\n".join(lines), hint=hint)

    @property
    def to_page(self) -> Iterable[Finding]:
        """All that people should hear of."""
        yield from self.findings
        for concern, error in self.failed.items():
            summary = f"{concern}: {error.what}"
            yield Finding(FAILED, summary, thing=concern, detail=error.detail, hint=error.hint)


def run(
    installation: Installation,
    *,
    now: datetime.datetime,
    run_id: str,
    concerns: Sequence[Concern] = CONCERNS,
    tell: bool = True,
    prune: bool = False,
    on_finding: Callable[[Finding], None] | None = None,
    run_url: str = "",
    airflow_url: str = "",
) -> Watched:
    """Ask all concerns, tell people what is new and what is over, and return what was seen. With `tell` off only look.

    With `prune` also remove from the ledger what was over long ago. `on_finding` hears of each finding at once. A concern that
    can't look stops none of the others.
    """
    watched = Watched()
    for concern in concerns:
        try:
            for finding in concern.look(installation, now):
                watched.findings.append(finding)
                if on_finding:
                    on_finding(finding)
        except ProvenError as error:
            watched.failed[concern.name] = error
    if tell:
        # imported here: whoever only looks need not wait for what posts pages
        from include.proven.watch import telling

        if prune:
            _prune(installation, now, watched)
        round_of = telling.Round(installation, now, run_id, run_url, airflow_url)
        watched.undelivered += round_of.tell(list(watched.to_page), _answered(concerns, watched, prune=prune))
    return watched


def _prune(installation: Installation, now: datetime.datetime, watched: Watched) -> None:
    pruned = pruning.prune(installation, now)
    watched.pruned += pruned.lines
    try:
        asking.require("old pages", pruned.answers)
    except ProvenError as error:
        watched.failed[PRUNING] = error


def _answered(concerns: Sequence[Concern], watched: Watched, *, prune: bool) -> Callable[[str, str], bool]:
    """Return what says whether an open page, by its kind and key, is over if it was not found: its concern has looked."""
    kinds = {kind for concern in concerns if concern.name not in watched.failed for kind in concern.kinds}
    kinds -= {kind for concern in concerns if concern.name in watched.failed for kind in concern.kinds}
    names = [*(concern.name for concern in concerns), *([PRUNING] if prune else [])]
    asked = {page_key(FAILED, name) for name in names}
    return lambda kind, key: kind in kinds or key in asked
