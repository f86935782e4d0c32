"""Where this Airflow is served."""

from __future__ import annotations

import urllib.parse

from airflow.sdk.configuration import conf


def base_url() -> str:
    """Return the address of Airflow's UI as its configuration says it (`[api] base_url`), or an empty string."""
    return str(conf.get("api", "base_url", fallback="")).rstrip("/")


def base_path() -> str:
    """Return the path that Airflow is served under, without a slash at its end: `/airflow`, or an empty string."""
    return urllib.parse.urlsplit(base_url()).path
