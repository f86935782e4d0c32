"""### Sabotage

Does the fire alarm work? Once a month it takes a *copy* of a recovery point, breaks it on purpose, drills the copy, and demands
that the drill refuses it for the right reason and that a page arrives. Triggered by hand, the form asks for the database, the
recovery point and the way to break it; `./proven sabotage --list` shows them all.

One task does it all: `sabotage` copies → breaks → drills → pages. The copy lies in a folder of its own on the worker and is
drilled in a sandbox of kind local; nothing is written to a store, and nothing is left. Without such a sandbox in the fleet
there is no schedule.

The page *sabotage-noticed* is marked as an exercise, wakes nobody, and is resolved within seconds.

**If it fails**, either nobody noticed: *sabotage-unnoticed*, the loudest page of all; or it could not be tried:
*sabotage-untried*.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from include.proven.fleet import load
from include.proven.sabotage.all_ways import WAYS
from proven_airflow import deadlines, house_rules, identity, sabotage_steps

FLEET = load.load()

with DAG(
    dag_id=identity.SABOTAGE,
    schedule=sabotage_steps.schedule(FLEET),
    doc_md=__doc__,
    tags=["proven", "drill"],
    on_failure_callback=sabotage_steps.FAILED,
    deadline=deadlines.of_one_step(sabotage_steps.time_limit(FLEET)),
    params={
        "database": Param(
            sabotage_steps.ANY_DATABASE,
            type="string",
            enum=[sabotage_steps.ANY_DATABASE, *sorted(FLEET.databases)],
            title="Database",
            description_md="Whose recovery point is copied.",
        ),
        "recovery_point": Param(
            "latest",
            type="string",
            pattern=rf"^(latest|random|{identity.RECOVERY_POINT})$",
            title="Recovery point",
            description_md="latest, random, or an id as ./proven list shows it: 20261121T043512Z-full-7f3a9c01.",
        ),
        "way": Param(
            sabotage_steps.RANDOM,
            type="string",
            enum=[sabotage_steps.RANDOM, sabotage_steps.ALL, *WAYS],
            title="Way",
            description_md="How the copy is broken. All: one copy after the other, which takes a drill's time for each.",
        ),
    },
    **house_rules.dag_arguments("proven"),
):
    sabotage_steps.sabotage.override(
        execution_timeout=sabotage_steps.time_limit(FLEET), on_failure_callback=sabotage_steps.FAILED
    )()
