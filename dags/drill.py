"""### Drill each new recovery point of one database

Each recovery point that `backup__<database>` publishes triggers a run. It restores the recovery point on a throwaway server
and looks at what came back:

`choose` the recovery point and the store → `build` the sandbox → `restore` → `check` (rows and digests of every table, all
objects, the canary) and `user_check` (the SQL files under `include/checks/<database>/`) → `verdict` → `destroy` the sandbox.
The button *Report* of `verdict` shows what a person should read.

While the sandbox has no room for another drill, `build` comes back every few seconds and holds no worker meanwhile. Of several
stores it is the one that was drilled longest ago, so that each gets its turn. The verdict is stored there, signed, beside the
recovery point: **proven**; **refuted** (restored, and wrong); or **unproven** (it could not be tried). Only *proven* makes the
run green, and only then are the database's open pages resolved.

**If it fails**, the contacts get the page *drill-refuted* or *drill-unproven* with its runbook. Triggered by hand, it drills
the latest recovery point; `fire_drill` has a form for all others.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.proven import pools
from include.proven.fleet import load
from proven_airflow import callbacks, deadlines, drill_steps, house_rules, identity

FLEET = load.load()

for name, database in identity.wanted(FLEET, "drill"):
    with DAG(
        dag_id=identity.drill_dag(name),
        schedule=[identity.asset(FLEET, name)],
        doc_md=__doc__,
        tags=["proven", "drill", name],
        on_failure_callback=[callbacks.DRILL_FAILED, callbacks.SANDBOX_LEFT],
        deadline=deadlines.of_drill(FLEET, name, database),
        **house_rules.dag_arguments(database.owner),
    ):
        drill_steps.wire_drill(database.drill_time_limit, pools.name_of(database.sandbox))
