"""A DAG whose runs take until somebody allows them to end, and are to take no longer than five seconds."""

from __future__ import annotations

import datetime
import os
import pathlib
import time

from airflow.sdk import DAG, task

from proven_airflow import deadlines

with DAG(dag_id="slow", schedule=None, deadline=deadlines.alert("shop", datetime.timedelta(seconds=5))):

    @task
    def wait() -> None:
        """Wait for a file."""
        while not pathlib.Path(os.environ["PROVEN_HOME"], "go").exists():
            time.sleep(0.5)

    wait()
