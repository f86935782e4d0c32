"""### Watch

Every five minutes it looks for what is wrong though nothing has failed: a backup that was not taken, a proof that is too old,
a key that expires, a store that fills up, a schema that is in no backup, a DAG file that can't be loaded, a part of Airflow
that is dead …

`watch` asks every concern that is due (some are asked once an hour or a day only), pages what it finds, and resolves the
pages about what is gone. It delivers pages that a route did not take before, tells the next contact where nobody has
acknowledged one, and sends the heartbeats if all is in order. The log says what was asked and what was found.

What it finds is paged and does not make the run fail. `./proven watch` does the same by hand, or from a cron job elsewhere:
when Airflow is dead, this DAG is, too.

**If it fails**, it could not look everywhere, or not tell somebody. The page *watch-failed* says what.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.proven.fleet import load
from proven_airflow import house_rules, identity, watch_steps

load.load()

with DAG(
    dag_id=identity.WATCH,
    schedule="*/5 * * * *",
    doc_md=__doc__,
    tags=["proven", "pages"],
    on_failure_callback=watch_steps.FAILED,
    **house_rules.dag_arguments("proven"),
):
    watch_steps.watch()
