"""Pages the contacts of a database when a task or a run of its DAGs fails.

One notifier serves as task-level and as DAG-level callback: the task's knows the error, the DAG's comes even when the task
was killed, and the second one of a run stays silent.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.kinds import find_kind
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import Page, describe, run_url
from include.proven.pages.page import compose as compose_page
from proven_airflow import addresses, identity, opening

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


class Pager(BaseNotifier):
    """Pages about one kind of failure. Subclasses that must look before they speak override `page_for`."""

    def __init__(self, *, kind: str, database: str = "", thing: str = "") -> None:
        """Take the kind of page, the database or `FLEET` (without one, it is that of the run) and what of it (`Page.thing`)."""
        super().__init__()
        self.kind = find_kind(kind).name
        self.database = database
        self.thing = thing

    def notify(self, context: Context) -> None:
        """Send the page of a failed task or run. Raise PageError if a route did not take it."""
        installation = opening.open_installation()
        page = self.page_for(context, installation)
        sent = self.send(installation, page)
        told = f"told {', '.join(sent.routes)}" if sent.routes else "this run had told it before"
        self.log.info("page %s: %s", page.dedup_key, told)
        if sent.ledger_fault:
            self.log.warning("page %s: the ledger could not be used: %s", page.dedup_key, sent.ledger_fault)

    def send(self, installation: Installation, page: Page) -> delivery.Sent:
        """Send the page to whom it concerns. Raise PageError if a route did not take it."""
        return delivery.send(installation.fleet, page, StoreLedger(installation))

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render nothing: there are no template fields.

        Airflow's own asks the DAG for its Jinja environment all the same, and in a DAG-level callback of `dags test` it fails:
        the DAG there is a serialised one that has none (seen on 3.3.2).
        """

    def page_for(self, context: Context, installation: Installation) -> Page:
        """Given a callback's context, return what to tell."""
        database = self.database or identity.database_of(context)
        page = compose(context, installation, self.kind, database, describe_failure(context))
        return dataclasses.replace(page, thing=self.thing)


def compose(context: Context, installation: Installation, kind: str, database: str, said: dict[str, str]) -> Page:
    """Return a page of `kind` with the links of the run that `context` is about. `said` is `describe`'s."""
    base = addresses.base_url()
    return compose_page(
        installation.fleet,
        kind,
        database,
        airflow_url=base,
        run_id=identity.run_name(context),
        run_url=run_url(installation.fleet.pages, context["dag"].dag_id, str(context["run_id"]), base),
        summary=said["summary"],
        detail=said.get("detail", ""),
        hint=said.get("hint", ""),
    )


def describe_failure(context: Context) -> dict[str, str]:
    """Return summary, detail and hint of what failed: the error of a task, or else what Airflow says of the run."""
    error: Any = context.get("exception")
    if isinstance(error, BaseException):
        return describe(error)
    task = context.get("ti")
    where = f"task {task.task_id} was the last" if task else "no task is known"
    return describe(None, f"run {context['run_id']} failed: {error or context.get('reason') or 'no reason given'}; {where}")
