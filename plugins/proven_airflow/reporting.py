"""How the report of a drill gets from the worker, which can read the store, to the web server, which can't.

The task `report` leaves what the report is made of as text in XCom, and the page draws it: that needs neither credential nor
key, so the server that people reach holds none. Text, for PostgreSQL's JSON takes no NUL, and a difference may hold one.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from airflow.sdk import BaseOperatorLink

from proven_airflow import addresses

TASK = "report"
KEY = "document"


def address(dag_id: str, run_id: str) -> str:
    """Return where the web server shows the report of a run's drill."""
    return f"{addresses.base_path()}/proven/reports/{urllib.parse.quote(dag_id)}/{urllib.parse.quote(run_id, safe='')}"


class ReportLink(BaseOperatorLink):
    """The button that leads from a task to its drill's report."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address of the report of the task's run."""
        return address(ti_key.dag_id, ti_key.run_id)
