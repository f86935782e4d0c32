"""### Remove what retention does not keep

Every night, of each database that has a `retention` in the fleet file: `prune` looks at its recovery points in all stores,
keeps what the rules say, and removes the others. The log says of each why it stays. Never removed are the last ones that are
proven, the newest, what others are based on, what is in use, what a store has locked and what can't be trusted.
`./proven prune` shows the same, and changes nothing.

**If it fails**, the database's contacts get the page *retention-failed*: a store gave no answer, a record can't be trusted, or
more than half of all recovery points would go at once. What that touches was kept.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.proven.fleet import load
from proven_airflow import house_rules, identity, retention_steps
from proven_airflow.notifiers.pager import Pager

FLEET = load.load()

for name, database in identity.wanted(FLEET, "retention"):
    if database.retention:
        failed = Pager(kind="retention-failed", database=name)
        with DAG(
            dag_id=identity.retention_dag(name),
            schedule="0 5 * * *",
            doc_md=__doc__,
            tags=["proven", "retention", name],
            on_failure_callback=failed,
            **house_rules.dag_arguments(database.owner),
        ):
            retention_steps.prune.override(execution_timeout=house_rules.RETENTION_TIME_LIMIT, on_failure_callback=failed)()
