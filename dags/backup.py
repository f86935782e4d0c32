"""### Back up one database

Takes one full, consistent backup of the database and keeps it in its stores:

`choose_id` names the recovery point → `back_up` dumps, compresses, encrypts and uploads it to all stores in one pass, and signs
and publishes the manifest last → `clear_up` removes whatever an unfinished backup has left. Where the database has several
stores, `complete_copies` brings each recovery point to those that lack it, and tries again for a while if one is down.

The run is green only if the recovery point stands, in every store. That it can be *restored* is another question: each new
recovery point triggers `drill__<database>`, which answers it; one store that has it is enough for that.

**If it fails**, the database's contacts get the page *backup-failed* or, where only a copy of it is missing, *copy-missing*,
with its runbook. To try a backup again, trigger a new run; to try the copies again, clear `complete_copies`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from include.proven.fleet import load
from proven_airflow import backup_steps, callbacks, deadlines, house_rules, identity

FLEET = load.load()

for name, database in identity.wanted(FLEET, "backup"):
    with DAG(
        dag_id=identity.backup_dag(name),
        schedule=database.schedule,
        doc_md=__doc__,
        tags=["proven", "backup", name],
        on_failure_callback=callbacks.BACKUP_FAILED,
        deadline=deadlines.of_backup(FLEET, name, database),
        **house_rules.dag_arguments(database.owner),
    ):
        recovery_point: Any = backup_steps.choose_id().as_setup()
        taken = backup_steps.back_up.override(
            outlets=[identity.asset(FLEET, name)],
            execution_timeout=database.backup_time_limit,
            on_failure_callback=callbacks.BACKUP_FAILED,
        )(recovery_point)
        taken >> backup_steps.clear_up(recovery_point).as_teardown(on_failure_fail_dagrun=True)
        if len(database.stores) > 1:
            (
                taken
                >> backup_steps.complete_copies.override(
                    execution_timeout=database.backup_time_limit,
                    on_failure_callback=callbacks.COPY_MISSING,
                    **house_rules.COPY_RETRIES,
                )()
            )
