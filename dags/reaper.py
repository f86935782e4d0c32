"""### Reaper

Every hour it looks at every sandbox and every store of the fleet, and removes what nobody needs any more:

* sandboxes that have expired (`lifetime` in the fleet), whose drill has had its verdict, or that are half built and of no drill
  that is known; one that was kept on purpose stands until it expires, and one that a drill may still need is not touched;
* what crashes have left in the stores: half-made recovery points and open uploads.

Each destroyed sandbox stands in the log of `reap`, with its age and what that has saved. `./proven reap` does the same by hand;
`./proven reap --dry-run` only looks.

**If it fails**, a cloud or a store gave no answer; all others were looked at all the same. The page *reaper-failed* names it.
A sandbox that can't be destroyed, or that comes back, gives the page *sandbox-leaked*; a run that does not end, *run-stuck*.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.proven.fleet import load
from include.proven.fleet.pages import FLEET
from proven_airflow import deadlines, house_rules, identity, reaper_steps
from proven_airflow.notifiers.pager import Pager

load.load()
FAILED = Pager(kind="reaper-failed", database=FLEET)

with DAG(
    dag_id=identity.REAPER,
    schedule="@hourly",
    doc_md=__doc__,
    tags=["proven", "reaper"],
    on_failure_callback=FAILED,
    deadline=deadlines.of_one_step(house_rules.REAPER_TIME_LIMIT),
    **house_rules.dag_arguments("proven"),
):
    reaper_steps.reap.override(execution_timeout=house_rules.REAPER_TIME_LIMIT, on_failure_callback=FAILED)()
