"""### Page test

Do pages arrive? Once a month (`pages.test_page` in the fleet file) it sends a page of kind *page-test*, a warning marked as a
test, to every route that any page of the fleet can reach, and waits for a person to acknowledge it: by `./proven acknowledge
_fleet/page-test`, or by the DAG `acknowledge`.

`test_page` sends it, comes back every few seconds without holding a worker, and is green as soon as somebody has acknowledged
it; the page is resolved then. Who it was and how long it took stand in its log, and in the ledger (`./proven pages --all`).

**If it fails**, nobody has acknowledged it in time, or a route did not take it: every route of the fleet gets the page
*page-undelivered*, which the next test that is acknowledged resolves.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.proven.fleet import load
from proven_airflow import house_rules, identity, page_steps

FLEET = load.load()

with DAG(
    dag_id=identity.PAGE_TEST,
    schedule=FLEET.pages.test_page.schedule,
    doc_md=__doc__,
    tags=["proven", "pages"],
    on_failure_callback=page_steps.TEST_FAILED,
    **house_rules.dag_arguments("proven"),
):
    page_steps.test_page()
