"""Sessions of boto3 from Airflow's own Amazon provider: its roles, web identities and SAML, beside plain keys."""

from __future__ import annotations

from typing import Any

import boto3
from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from include.proven import connections


def open_session(connection: connections.Connection) -> boto3.session.Session | None:
    """Return the session of the provider's hook for a connection of type `aws`, else None."""
    if connection.conn_type != AwsGenericHook.conn_type:
        return None
    hook: AwsGenericHook[Any] = AwsGenericHook(aws_conn_id=connection.name, client_type="s3")
    # Of a connection that only our own file knows, the hook would make one without credentials.
    return hook.get_session() if hook.conn_config else None
