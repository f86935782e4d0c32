"""What a drill has left behind: its verdict, perhaps its sandbox, and pages that it has answered."""

from __future__ import annotations

from typing import Any

from include.proven import ids
from include.proven.drill import Drill
from include.proven.installation import Installation
from include.proven.proof.verdict import Verdict


def stored_verdict(installation: Installation, drill: Drill) -> Verdict | None:
    """Return the verdict that a drill has stored, or None if it ended, or was ended, before that."""
    if not drill.recovery_point:
        return None
    verdicts = installation.catalog(drill.database).verdicts(drill.database, drill.recovery_point)
    return next((verdict for verdict in verdicts if verdict.drill == drill.id), None)


def keeps_sandbox(context: Any, verdict: Verdict | None) -> bool:
    """Say whether the run's form asked to keep the sandbox of a drill that ended with that verdict."""
    return verdict is not None and verdict.outcome != "proven" and bool(context["params"].get("keep_on_failure"))


def sandbox_stands(installation: Installation, drill: Drill) -> bool:
    """Say whether the drill's sandbox exists, whole or half built."""
    return any(found.name == drill.instance for found in installation.sandbox(drill.sandbox).find())


def answered_pages(installation: Installation, drill: Drill) -> list[str]:
    """Return the kinds of page that a drill which has just proven its recovery point answers.

    Only the newest recovery point answers any. It was taken before some pages were sent: it does not answer for a backup that
    has failed since. A sandbox that was left is gone when no other stands.
    """
    catalog = installation.catalog(drill.database)
    if drill.recovery_point != catalog.recovery_points(drill.database)[-1]:
        return []
    answered = ["drill-refuted", "drill-unproven"]
    failed = catalog.open_page(drill.database, "backup-failed")
    if failed and failed.opened_at < ids.started_at(drill.recovery_point):
        answered.append("backup-failed")
    if all(found.name == drill.instance for found in installation.sandbox(drill.sandbox).find()):
        answered.append("sandbox-left")
    return answered
