"""What a drill has left behind: its verdict, perhaps its sandbox, and pages that it has answered."""

from __future__ import annotations

import dataclasses

from include.proven import copies, ids
from include.proven.drill import Drill
from include.proven.installation import Installation
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import page_key
from include.proven.proof.verdict import Verdict
from proven_airflow import identity

LOOK_BACK_SECONDS = 15.0
"""A store's time to say what it has of former drills: the page waits for that, and its callback is killed after 50 s."""


def find_begun(installation: Installation, drill: Drill) -> Drill:
    """Return a drill with the recovery point, the store and the way by which it came, where it has left evidence or a verdict;
    as it is, if nowhere."""
    begun = copies.find_drill(installation, drill.database, drill.id)
    if begun is None:
        return drill
    point, store = begun
    via, moment = installation.catalog(drill.database, store).way_of(drill.database, point, drill.id)
    return dataclasses.replace(drill, recovery_point=point, store=store, via=via, moment=moment)


def stored_verdict(installation: Installation, drill: Drill) -> Verdict | None:
    """Return the verdict that a drill has stored, or None if it ended, or was ended, before that."""
    if not drill.recovery_point:
        return None
    verdicts = installation.catalog(drill.database, drill.store).verdicts(drill.database, drill.recovery_point, drill.folder)
    return next((verdict for verdict in verdicts if verdict.drill == drill.id), None)


def is_again_unproven(installation: Installation, drill: Drill) -> bool:
    """Say whether the database's drill before this one has proven and refuted nothing either; all stores are asked.

    One without a verdict is unproven, too. Raise ProvenError if a store gives no answer: its drill may be the newest.
    """
    folders = (drill.folder,)
    answers = copies.ask(
        installation, drill.database, lambda one: one.drills(drill.database, folders), patience=LOOK_BACK_SECONDS
    )
    for error in answers.silent.values():
        raise error
    before = [(entry, store) for store, entries in answers.given.items() for entry in entries if entry.drill < drill.id]
    if not before:
        return False
    newest, store = max(before)
    if not newest.concluded:
        return True
    catalog = installation.catalog(drill.database, store)
    verdict = catalog.verdict(drill.database, newest.recovery_point, newest.drill, newest.folder)
    return verdict.outcome == "unproven"


def sandbox_stands(installation: Installation, drill: Drill) -> bool:
    """Say whether the drill's sandbox exists, whole or half built."""
    return any(found.name == drill.instance for found in installation.sandbox(drill.sandbox).find())


def answered_pages(installation: Installation, drill: Drill) -> list[str]:
    """Return the kinds of page that a drill which has just proven its recovery point answers.

    Only the newest recovery point answers any. It was taken before some pages were sent: it does not answer for a backup that
    has failed since. A sandbox that was left is gone when no other stands. No copy is missing when no store lacks any.
    """
    if drill.via:
        return _answered_by_the_way(installation, drill)
    found = copies.survey(installation, drill.database)
    if drill.recovery_point != found.pick("latest"):
        return []
    answered = ["drill-refuted", "drill-unproven"]
    failed = StoreLedger(installation, copies.PATIENCE).open_page(drill.database, "backup-failed")
    if failed and failed.noticed_at < ids.started_at(drill.recovery_point):
        answered.append("backup-failed")
    if all(one.name == drill.instance for one in installation.sandbox(drill.sandbox).find()):
        answered.append("sandbox-left")
    if not found.silent and not found.lacking():
        answered.append("copy-missing")
    return answered


def _answered_by_the_way(installation: Installation, drill: Drill) -> list[str]:
    """Return the pages that a proven way by the binary log answers: those on a way, if it leads beyond when they were sent."""
    keys = [page_key(kind, identity.POINT_IN_TIME) for kind in ("drill-refuted", "drill-unproven")]
    ledger = StoreLedger(installation, copies.PATIENCE)
    pages = {key: ledger.open_page(drill.database, key) for key in keys}
    return [key for key, page in pages.items() if page and page.noticed_at < ids.started_at(drill.recovery_point)]
