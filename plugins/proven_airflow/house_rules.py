"""What goes for every DAG of Proven."""

from __future__ import annotations

import datetime
from typing import Any

STEP_TIME_LIMIT = datetime.timedelta(minutes=15)
"""For steps whose work does not grow with the data; the others carry the fleet's limits."""

REAPER_TIME_LIMIT = datetime.timedelta(hours=1)
"""Every store is listed, and every cloud waits for what it destroys to be gone."""

RETENTION_TIME_LIMIT = datetime.timedelta(hours=2)
"""All manifests and verdicts of a database are read, and what goes is deleted object by object."""

COPY_RETRIES: dict[str, Any] = {"retries": 3, "retry_exponential_backoff": 2.0}
"""A store that was down gets time to come back: 5 to 10 minutes, then 10 to 20, then 20 to 40.

The first is Airflow's `[core] default_task_retry_delay`, and how much is added to each follows from the run.
"""

COPY_RETRIES_TAKE = datetime.timedelta(minutes=70)
"""All of those waits, at the most."""


STREAM_EVERY = datetime.timedelta(minutes=10)
"""A stream of a binary log ends so often, when the next one is due: who looks at its log sees an end, and a new worker may
take over."""

STREAM_SCHEDULE = "*/10 * * * *"
"""The same, for Airflow."""


def dag_arguments(owner: str) -> dict[str, Any]:
    """Return the arguments that all DAGs share.

    No `dagrun_timeout`: it would skip the teardowns, and leave a server with production data standing. No retries: a second
    try would hide that the first one failed, and the next run is never far (`COPY_RETRIES` is the exception).
    """
    return {
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {"owner": owner, "retries": 0, "execution_timeout": STEP_TIME_LIMIT},
    }
