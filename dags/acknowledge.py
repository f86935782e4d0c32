"""### Acknowledge a page

Says that somebody is at an open page, so that nobody else is told besides (`escalate` in the fleet file), and that the test
page has arrived. The form asks for the page, as it shows itself: `shop/backup-failed`. Whoever triggers the run is taken for
who is at it. `./proven pages` shows the open ones; `./proven acknowledge` does the same by hand.

It is for routes that know of no acknowledgement: Slack, e-mail, webhooks. PagerDuty and Opsgenie take it themselves.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from include.proven.fleet import load
from proven_airflow import house_rules, identity, page_steps

load.load()

with DAG(
    dag_id=identity.ACKNOWLEDGE,
    schedule=None,
    doc_md=__doc__,
    tags=["proven", "pages"],
    params={
        "page": Param(
            "_fleet/page-test",
            type="string",
            pattern=r"^\s*(proven/)?[^/\s]+/\S.*$",
            title="Page",
            description_md="`<database>/<page>`, as the page itself and `./proven pages` show it: `shop/backup-failed`.",
        ),
    },
    **house_rules.dag_arguments("proven"),
):
    page_steps.acknowledge()
