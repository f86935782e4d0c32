"""What a failed task or run tells people.

Each failure is told twice: at task level, where the exception is at hand, and at DAG level, which also hears of tasks that
were killed. The ledger in the store makes one page of the two. Nothing is resolved here: only a stored *proven* does that.
DAG-level callbacks run in the dag-processor.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from include.proven.drill import Drill
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.pages.page import Page, describe
from include.proven.proof.verdict import Verdict
from proven_airflow import aftermath, identity
from proven_airflow.notifiers.pager import Pager, compose, describe_failure
from proven_airflow.opening import open_installation

log = logging.getLogger(__name__)


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
            return compose(context, installation, self.kind, drill.database, describe_failure(context))
        said = describe(None, f"{verdict.recovery_point} is {verdict.outcome}: {verdict.reason}") | {"hint": verdict.hint}
        return compose(context, installation, f"drill-{verdict.outcome}", drill.database, said)


class SandboxPager(Pager):
    """Pages that a drill's sandbox still stands, and nobody asked for that."""

    def notify(self, context: Any) -> None:
        """Send the page if there is a sandbox."""
        installation = open_installation()
        drill, verdict = _drill_and_verdict(installation, context)
        if aftermath.sandbox_stands(installation, drill) and not aftermath.keeps_sandbox(context, verdict):
            super().notify(context)


BACKUP_FAILED = Pager(kind="backup-failed")
DRILL_FAILED = DrillPager(kind="drill-unproven")
SANDBOX_LEFT = SandboxPager(kind="sandbox-left")


def _drill_and_verdict(installation: Installation, context: Any) -> tuple[Drill, Verdict | None]:
    """Return the run's drill and what is known of its verdict. A store that can't be read must not keep a page from people.

    The store is asked for the recovery point, not XCom: a DAG-level callback of `dag.test()` can't read any.
    """
    drill = identity.drill_of(installation.fleet, context, "")
    try:
        found = installation.catalog(drill.database).find_drill(drill.database, drill.id)
        drill = dataclasses.replace(drill, recovery_point=found or "")
        return drill, aftermath.stored_verdict(installation, drill)
    except ProvenError as error:
        log.warning("the verdict of drill %s can't be read: %s", drill.id, error.what)
        return drill, None
