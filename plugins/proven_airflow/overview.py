"""How the list of pages gets from the watch's task, which can read the stores, to the web server, which can't.

As with the report of a drill (`reporting`), the task leaves what the page is made of, and the web server only draws it. It lies
in Airflow's asset state store, where each watch replaces what the one before has left.
"""

from __future__ import annotations

import datetime

from airflow.sdk import Asset

from include.proven.installation import Installation
from include.proven.reports import paging

MEMORY = Asset(name="what the watch has looked at", uri="proven://watch", group="proven")
"""Holds when each concern was asked last, and the list of pages. Nothing else is ever said of it."""
KEY = "pages"
SINCE = datetime.timedelta(days=7)
"""What has ended since then is shown too."""
MOST_OVER = 200


def draw(installation: Installation, now: datetime.datetime) -> str:
    """Return the list of pages as JSON, short enough for a row of Airflow's database."""
    return paging.draw_list(installation, now, now - SINCE).shorten(MOST_OVER).model_dump_json()
