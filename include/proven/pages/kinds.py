"""The kinds of page. Each has a runbook `include/runbooks/<name>.md`; a test fails where one is missing.

There is no kind for a faulty fleet file: the contacts stand in that file, so such a page could reach nobody. It shows as an
import error in Airflow, and the dead man's switch outside notices that no drill is proven any more.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from include.proven.errors import ConfigError
from include.proven.fleet import hints

Severity = Literal["critical", "error", "warning", "info"]
"""`info` wakes nobody: PagerDuty makes it an incident of low urgency where the service asks for that."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """One sort of page."""

    name: str
    severity: Severity
    title: str
    """What has happened, in a few words, for the subject of a page."""
    risk: str
    """What it puts at risk, as a sentence."""
    command: str
    """What to type next; `{database}` stands for the database's name."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="backup-failed",
            severity="error",
            title="backup failed",
            risk="What changed since the last recovery point is lost if the source is lost now, and it grows by the hour.",
            command="./proven backup {database}",
        ),
        Kind(
            name="copy-missing",
            severity="warning",
            title="a copy of a recovery point is missing",
            risk="Fewer copies exist than were promised: if the stores that have it are lost too, the recovery point is gone.",
            command="./proven copy {database}",
        ),
        Kind(
            name="drill-refuted",
            severity="critical",
            title="recovery point refuted",
            risk="This recovery point does not give the data back. Others that no drill has proven may share the fault.",
            command="./proven show {database}",
        ),
        Kind(
            name="drill-unproven",
            severity="error",
            title="drill could not be tried",
            risk="Nobody knows whether this recovery point can be restored: count on the last proven one only.",
            command="./proven drill {database}",
        ),
        Kind(
            name="sandbox-left",
            severity="warning",
            title="sandbox not destroyed",
            risk="A copy of production data lies on a throwaway server that should be gone, and takes space or money.",
            command="./proven sandboxes",
        ),
        Kind(
            name="sandbox-leaked",
            severity="error",
            title="sandbox keeps coming back",
            risk="A throwaway server that nobody needs holds production data, costs money, and takes the room of a drill.",
            command="./proven reap --dry-run",
        ),
        Kind(
            name="reaper-failed",
            severity="warning",
            title="reaper could not look everywhere",
            risk="What crashed drills have left may stand in a cloud or a store that was not looked at, and cost money.",
            command="./proven reap --dry-run",
        ),
        Kind(
            name="sabotage-unnoticed",
            severity="critical",
            title="SABOTAGE NOT NOTICED",
            risk="A copy that was broken on purpose raised no proper alarm: any *proven* may be wrong, any page missing.",
            command="./proven sabotage {database} --way all",
        ),
        Kind(
            name="sabotage-untried",
            severity="warning",
            title="sabotage could not be tried",
            risk="Nobody has seen lately that a broken recovery point is refused and that pages arrive.",
            command="./proven sabotage {database}",
        ),
        Kind(
            name="sabotage-noticed",
            severity="info",
            title="[exercise] sabotaged copy refused",
            risk="None. A copy was broken on purpose, and this page shows that the alarm works; it resolves itself.",
            command="./proven sabotage --list",
        ),
    )
}


def find_kind(name: str) -> Kind:
    """Return the kind of that name. Raise ConfigError, with a suggestion, if there is none."""
    if name not in KINDS:
        raise ConfigError(f"pages: no kind {name!r}", hint=hints.suggest(name, KINDS, noun="kinds of page"))
    return KINDS[name]
