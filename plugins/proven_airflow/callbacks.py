"""What a failed task or run tells people.

Each failure is told twice: at task level, where the exception is at hand, and at DAG level, which also hears of tasks that
were killed. The ledger in the store makes one page of the two. Nothing is resolved here: only a stored *proven* does that.
DAG-level callbacks run in the dag-processor.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from include.proven import completing, copies, ids
from include.proven.drill import Drill
from include.proven.errors import ProvenError
from include.proven.fleet.pages import Severity
from include.proven.installation import Installation
from include.proven.pages.page import Page, describe
from include.proven.proof.verdict import Verdict
from proven_airflow import aftermath, identity
from proven_airflow.notifiers.pager import Pager, compose, describe_failure
from proven_airflow.opening import open_installation

log = logging.getLogger(__name__)


class CopyPager(Pager):
    """Pages which stores lack which recovery points."""

    def page_for(self, context: Any, installation: Installation) -> Page:
        """Return what to tell. An error of ours names the stores; a time limit of Airflow's does not."""
        error = context.get("exception")
        missing = None if isinstance(error, ProvenError) else _missing_copies(context, installation)
        if missing is None:
            return super().page_for(context, installation)
        said = describe(missing) | {"detail": describe_failure(context)["summary"]}
        return compose(context, installation, "copy-missing", identity.database_of(context), said)


class BackupPager(CopyPager):
    """Pages that a backup failed; or, where its recovery point stands in some store all the same, that copies are missing."""

    def page_for(self, context: Any, installation: Installation) -> Page:
        """Return what to tell. A task's callback knows that it was the backup; a run's must look."""
        if isinstance(context.get("exception"), BaseException):
            return Pager.page_for(self, context, installation)
        return super().page_for(context, installation)


class DrillPager(Pager):
    """Pages that a drill ended refuted or unproven, as its stored verdict says, or without a verdict."""

    def notify(self, context: Any) -> None:
        """Send the page, unless the drill has proven its recovery point: then it is not the data that failed."""
        _, verdict = _drill_and_verdict(open_installation(), context)
        if verdict is None or verdict.outcome != "proven":
            super().notify(context)

    def page_for(self, context: Any, installation: Installation) -> Page:
        """Return what to tell."""
        drill, verdict = _drill_and_verdict(installation, context)
        if verdict is None:
            kind, said = self.kind, describe_failure(context)
        else:
            kind = f"drill-{verdict.outcome}"
            way = f"the way from {verdict.via} to " if verdict.via else ""
            said = describe(None, f"{way}{verdict.recovery_point} is {verdict.outcome}: {verdict.reason}") | {
                "hint": verdict.hint
            }
        page = compose(context, installation, kind, drill.database, said)
        page = dataclasses.replace(page, thing=identity.POINT_IN_TIME if identity.moment_of(context) else "")
        return dataclasses.replace(page, severity=_severity(installation, drill)) if kind == self.kind else page


class SandboxPager(Pager):
    """Pages that a drill's sandbox still stands, and nobody asked for that."""

    def notify(self, context: Any) -> None:
        """Send the page if there is a sandbox."""
        installation = open_installation()
        drill, verdict = _drill_and_verdict(installation, context)
        if aftermath.sandbox_stands(installation, drill) and not (verdict and verdict.kept):
            super().notify(context)


BINLOGS_STOPPED = Pager(kind="binlogs-stopped")
BACKUP_FAILED = BackupPager(kind="backup-failed")
COPY_MISSING = CopyPager(kind="copy-missing")
DRILL_FAILED = DrillPager(kind="drill-unproven")
SANDBOX_LEFT = SandboxPager(kind="sandbox-left")


def _missing_copies(context: Any, installation: Installation) -> ProvenError | None:
    """Return which stores lack what, if the run's recovery point stands; None if it does not, or nobody can say.

    The stores are asked for the recovery point, not XCom: a DAG-level callback of `dag.test()` can't read any.
    """
    database = identity.database_of(context)
    try:
        found = copies.survey(installation, database)
    except ProvenError as error:
        log.warning("whether the recovery point stands can't be seen: %s", error.what)
        return None
    lacking = found.lacking()
    stands = any(ids.belongs_to(point, identity.run_name(context)) for point in found.held)
    return completing.incomplete(found, lacking, found.silent) if stands and (lacking or found.silent) else None


def _severity(installation: Installation, drill: Drill) -> Severity | None:
    """Return how urgent it is that a drill could not be tried: the first time a warning, then as the kind says.

    A cloud that has no room today has some tomorrow; who is woken for that stops reading.
    """
    try:
        return None if aftermath.is_again_unproven(installation, drill) else "warning"
    except ProvenError as error:
        log.warning("whether the drill before %s was proven can't be seen: %s", drill.id, error.what)
        return None


def _drill_and_verdict(installation: Installation, context: Any) -> tuple[Drill, Verdict | None]:
    """Return the run's drill and what is known of its verdict. A store that can't be read must not keep a page from people.

    The stores are asked for the recovery point, not XCom: a DAG-level callback of `dag.test()` can't read any.
    """
    drill = identity.drill_of(installation.fleet, context)
    try:
        drill = aftermath.find_begun(installation, drill)
        return drill, aftermath.stored_verdict(installation, drill)
    except ProvenError as error:
        log.warning("the verdict of drill %s can't be read: %s", drill.id, error.what)
        return drill, None
