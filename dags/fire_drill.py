"""### Fire drill

Restores any recovery point of any database, now: before you trust it with a migration, after an incident, or to practise.
The form asks for the database, the recovery point, the store that it is restored from, the sandbox, and whether a sandbox that
did not prove its recovery point is kept for a look inside.

With a point in time, an older recovery point is restored and the binary log replayed: to that second, which is looked at, and
on to the recovery point, whose rows must all be there then.

The steps are those of `drill__<database>`: `choose` → `build` → `restore` → `check` and `user_check` → `verdict` → `destroy`.
The verdict is stored, signed, beside the recovery point, and only *proven* makes the run green.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from include.proven.fleet import load
from proven_airflow import callbacks, deadlines, drill_steps, house_rules, identity

FLEET = load.load()
DATABASES = sorted(FLEET.databases)

with DAG(
    dag_id=identity.FIRE_DRILL,
    schedule=None,
    doc_md=__doc__,
    tags=["proven", "drill"],
    on_failure_callback=[callbacks.DRILL_FAILED, callbacks.SANDBOX_LEFT],
    deadline=deadlines.of_fire_drill(FLEET),
    params={
        "database": Param(
            DATABASES[0],
            type="string",
            enum=DATABASES,
            title="Database",
            description_md="Whose recovery point is restored.",
        ),
        "recovery_point": Param(
            "latest",
            type="string",
            pattern=rf"^(latest|random|{identity.RECOVERY_POINT})$",
            title="Recovery point",
            description_md="latest, random, or an id as ./proven list shows it: 20261121T043512Z-full-7f3a9c01.",
        ),
        "point_in_time": Param(
            identity.NO_MOMENT,
            type="string",
            pattern=rf"^({identity.NO_MOMENT}|random|\d{{4}}-\d\d-\d\d.*)$",
            title="Point in time",
            description_md="no; random: a second on the way to that recovery point, by the binary log; or a second of your own,"
            " as 2026-11-21 13:37:00 (UTC): from the newest recovery point before it to the oldest one behind.",
        ),
        "store": Param(
            identity.ANY_STORE,
            type="string",
            enum=[identity.ANY_STORE, *sorted(FLEET.stores)],
            title="Store",
            description_md="Which copy is restored. Any: of those that there are, the one that was drilled longest ago.",
        ),
        "sandbox": Param(
            identity.OWN_SANDBOX,
            type="string",
            enum=[identity.OWN_SANDBOX, *sorted(FLEET.sandboxes)],
            title="Sandbox",
            description_md="Where it is restored.",
        ),
        "keep_on_failure": Param(
            False,
            type="boolean",
            title="Keep the sandbox if the drill fails",
            description_md="It holds a copy of production data. When you are done: ./proven sandboxes --destroy",
        ),
    },
    **house_rules.dag_arguments("proven"),
):
    drill_steps.wire_drill(max(database.drill_time_limit for database in FLEET.databases.values()))
