"""Opens the installation inside Airflow: credentials from Airflow's connections, secrets masked in Airflow's logs."""

from __future__ import annotations

from airflow.sdk.log import mask_secret

from include.proven import installation
from proven_airflow import connections


def open_installation() -> installation.Installation:
    """Open the installation of this Airflow. Raise ConfigError with all faults of the fleet file."""
    connections.install()
    return installation.open_installation(hide=mask_secret)
