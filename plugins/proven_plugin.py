"""What Airflow's plugin loader loads: the runbooks in the UI."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from proven_airflow import web


class ProvenPlugin(AirflowPlugin):
    """Proven in Airflow's web server."""

    name = "proven"
    fastapi_apps: ClassVar[list[Any]] = [{"app": web.app, "url_prefix": web.PREFIX, "name": "Proven"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Runbooks",
            "href": f"{web.base_path()}{web.PREFIX}/runbooks/",
            "destination": "nav",
            "category": "browse",
            "url_route": "proven-runbooks",
        }
    ]
