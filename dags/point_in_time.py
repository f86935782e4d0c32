"""### Drill a random second of one database

Two recovery points are drawn, and a second between them: the older one is restored on a throwaway server, the binary log that
was shipped is replayed to that second, which is looked at, and then on to where the younger one stood. The younger one's rows,
objects and canary say what must be there: all of them prove the log, too.

The steps are those of `drill__<database>`. The verdict is stored, signed, beside the younger recovery point, apart from those
on its copy, and only *proven* makes the run green.

**If it fails**, the contacts get the page *drill-refuted* or *drill-unproven*, which names the link that is broken. It is
resolved by such a drill of a recovery point that was taken later. By hand: `fire_drill`, with a point in time.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.proven import pools
from include.proven.fleet import load
from proven_airflow import callbacks, deadlines, drill_steps, house_rules, identity

FLEET = load.load()

for name, database in identity.wanted(FLEET, "point_in_time"):
    if database.binlogs is None or database.binlogs.drill is None:
        continue
    with DAG(
        dag_id=identity.point_in_time_dag(name),
        schedule=database.binlogs.drill,
        doc_md=__doc__,
        tags=["proven", "drill", "binlogs", name],
        on_failure_callback=[callbacks.DRILL_FAILED, callbacks.SANDBOX_LEFT],
        deadline=deadlines.of_drill(FLEET, name, database),
        params={"recovery_point": "random", "point_in_time": "random"},
        **house_rules.dag_arguments(database.owner),
    ):
        drill_steps.wire_drill(database.drill_time_limit, pools.name_of(database.sandbox))
