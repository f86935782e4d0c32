"""### Ship the binary log of one database

Follows the server's binary log and brings it to the database's stores in small encrypted pieces, each at most `lag` (default
60 s) old or `piece` (default 16 MB) large: together with a recovery point they restore any second since.

Each run streams until the next one is due, ten minutes later, so that one is always at work. It goes on where the newest piece
in the stores ends; a run that is killed loses nothing, and ships nothing twice. A short break (the server restarts, the line is
cut) is waited out.

**If it fails**, nothing could be shipped for three times the lag, or a store lacks pieces: the database's contacts get the page
*binlogs-stopped* with its runbook. The first run that ends well resolves it. `./proven stream` does the same by hand.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.proven.fleet import load
from proven_airflow import binlog_steps, callbacks, deadlines, house_rules, identity

FLEET = load.load()

for name, database in identity.wanted(FLEET, "binlogs"):
    if database.binlogs is None:
        continue
    with DAG(
        dag_id=identity.binlogs_dag(name),
        schedule=house_rules.STREAM_SCHEDULE,
        doc_md=__doc__,
        tags=["proven", "binlogs", name],
        on_failure_callback=callbacks.BINLOGS_STOPPED,
        deadline=deadlines.of_stream(name),
        **house_rules.dag_arguments(database.owner),
    ):
        binlog_steps.stream.override(
            execution_timeout=2 * house_rules.STREAM_EVERY, on_failure_callback=callbacks.BINLOGS_STOPPED
        )()
