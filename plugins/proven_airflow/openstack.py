"""Keystone sessions from Airflow's own OpenStack provider, where its hook knows how."""

from __future__ import annotations

import keystoneauth1.session
from airflow.providers.openstack.hooks.openstack import OpenstackHook

from include.proven import connections

NEEDED = "OS_PROJECT_ID"
"""The hook logs in by password to the project of this extra, and in no other way."""


def open_session(connection: connections.Connection) -> keystoneauth1.session.Session | None:
    """Return the session of the provider's hook for a connection that it understands, else None."""
    if connection.conn_type != OpenstackHook.conn_type or NEEDED not in connection.extra:
        return None
    session: keystoneauth1.session.Session = OpenstackHook(os_conn_id=connection.name).get_conn().session
    return session
