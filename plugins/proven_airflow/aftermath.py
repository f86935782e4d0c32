"""What a drill has left behind: its verdict, perhaps its sandbox, and pages that it has answered."""

from __future__ import annotations

import dataclasses

from include.proven import copies, ids
from include.proven.drill import Drill
from include.proven.installation import Installation
from include.proven.pages.ledger import StoreLedger
from include.proven.proof.verdict import Verdict


def find_begun(installation: Installation, drill: Drill) -> Drill:
    """Return a drill with the recovery point and the store where it has left evidence or a verdict; as it is, if nowhere."""
    begun = copies.find_drill(installation, drill.database, drill.id)
    return dataclasses.replace(drill, recovery_point=begun[0], store=begun[1]) if begun else drill


def stored_verdict(installation: Installation, drill: Drill) -> Verdict | None:
    """Return the verdict that a drill has stored, or None if it ended, or was ended, before that."""
    if not drill.recovery_point:
        return None
    verdicts = installation.catalog(drill.database, drill.store).verdicts(drill.database, drill.recovery_point)
    return next((verdict for verdict in verdicts if verdict.drill == drill.id), None)


def sandbox_stands(installation: Installation, drill: Drill) -> bool:
    """Say whether the drill's sandbox exists, whole or half built."""
    return any(found.name == drill.instance for found in installation.sandbox(drill.sandbox).find())


def answered_pages(installation: Installation, drill: Drill) -> list[str]:
    """Return the kinds of page that a drill which has just proven its recovery point answers.

    Only the newest recovery point answers any. It was taken before some pages were sent: it does not answer for a backup that
    has failed since. A sandbox that was left is gone when no other stands. No copy is missing when no store lacks any.
    """
    found = copies.survey(installation, drill.database)
    if drill.recovery_point != found.pick("latest"):
        return []
    answered = ["drill-refuted", "drill-unproven"]
    failed = StoreLedger(installation, copies.PATIENCE).open_page(drill.database, "backup-failed")
    if failed and failed.opened_at < ids.started_at(drill.recovery_point):
        answered.append("backup-failed")
    if all(one.name == drill.instance for one in installation.sandbox(drill.sandbox).find()):
        answered.append("sandbox-left")
    if not found.silent and not found.lacking():
        answered.append("copy-missing")
    return answered
