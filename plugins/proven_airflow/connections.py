"""Lets the library take its credentials from Airflow: its secrets backends, its UI, its environment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keystoneauth1.session
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from airflow.sdk.log import mask_secret

from include.proven import amazon_session, connections, openstack_session
from include.proven.errors import ConfigError
from include.proven.hosts import ssh_opening

if TYPE_CHECKING:
    import boto3
    import paramiko


def install() -> None:
    """Make `connections.resolve` ask Airflow first, and Keystone, Amazon and SSH be spoken to through its providers."""
    connections.use_resolver(get_connection)
    openstack_session.use_sessions(_open_keystone_session)
    amazon_session.use_sessions(_open_amazon_session)
    ssh_opening.use_clients(_open_ssh_client)


def get_connection(name: str) -> connections.Connection:
    """Return Airflow's connection of that name, its secrets masked in logs.

    Raise KeyError if Airflow knows none, and ConfigError if it can't tell or the connection can't be read.
    """
    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        raise KeyError(name) from None
    except (AirflowException, RuntimeError) as error:
        hint = "See the log of Airflow's secrets backend."
        raise ConfigError(f"airflow: can't get connection {name!r}", detail=str(error), hint=hint) from error
    extra = _read_extra(name, found.extra)
    if found.password:
        mask_secret(found.password)
    # whole values whose keys Airflow holds to be sensitive; the others are settings, and masking them would blind the log
    mask_secret(extra)
    return connections.Connection(
        name=name,
        conn_type=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        extra=extra,
    )


def _open_keystone_session(connection: connections.Connection) -> keystoneauth1.session.Session | None:
    # imported here, for the provider brings all of openstacksdk and boto3, which most tasks never need
    from proven_airflow import openstack

    return openstack.open_session(connection)


def _open_amazon_session(connection: connections.Connection) -> boto3.session.Session | None:
    from proven_airflow import amazon  # here for the same reason

    return amazon.open_session(connection)


def _open_ssh_client(
    connection: connections.Connection, trusted: Sequence[paramiko.PKey], timeout: float
) -> paramiko.SSHClient | None:
    from proven_airflow import ssh  # here for the same reason

    return ssh.open_client(connection, trusted, timeout)


def _read_extra(name: str, text: str | None) -> dict[str, Any]:
    try:
        extra = json.loads(text or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConfigError(
            f"airflow: extra of connection {name!r} is no JSON object", hint="Correct it under Admin → Connections."
        )
    return extra
