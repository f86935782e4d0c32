"""What Airflow's plugin loader loads: pages and runbooks in the UI, the keeper of pools, who tells of broken DAG files, and who
imports beforehand what every task needs.

Every process of Airflow loads it, every task included, so it imports the web pages only when one is asked for: they bring
the whole of Airflow's API server with them (1.3 s).
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from starlette.types import Receive, Scope, Send

from proven_airflow import addresses, import_errors, pool_keeper, preloading

PREFIX = "/proven"


async def serve_web(scope: Scope, receive: Receive, send: Send) -> None:
    """Pass a request on to the web pages."""
    from proven_airflow import web

    await web.app(scope, receive, send)


class ProvenPlugin(AirflowPlugin):
    """Proven in Airflow's web server, scheduler and DAG processor."""

    name = "proven"
    listeners = [pool_keeper, import_errors, preloading]
    fastapi_apps = [{"app": serve_web, "url_prefix": PREFIX, "name": "Proven"}]
    external_views = [
        {
            "name": title,
            "href": f"{addresses.base_path()}{PREFIX}/{place}/",
            "destination": "nav",
            "category": "browse",
            "url_route": f"proven-{place}",
        }
        for title, place in (("Pages", "pages"), ("Runbooks", "runbooks"))
    ]
