"""SSH clients from Airflow's own SSH provider, with the check of the host key that its connections can turn off turned on."""

from __future__ import annotations

from collections.abc import Sequence

import paramiko
from airflow.providers.ssh.hooks.ssh import SSHHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from include.proven import connections
from include.proven.errors import ConfigError


def open_client(
    connection: connections.Connection, trusted: Sequence[paramiko.PKey], timeout: float
) -> paramiko.SSHClient | None:
    """Return the client of the provider's hook, or None for a connection that it does not understand.

    That is one that only our own file knows, and one whose host key is written without its type and is not RSA.
    """
    written = str(connection.extra.get("host_key", "")).split()
    if len(written) == 1 and trusted[0].get_name() != "ssh-rsa":
        return None
    try:
        hook = SSHHook(
            connection.name,
            conn_timeout=max(1, round(timeout)),
            banner_timeout=timeout,
            auth_timeout=max(1, round(timeout)),
            no_host_key_check=False,
            # A password that was refused is refused again, and then the account is locked.
            conn_retry_attempts=1,
        )
    except AirflowNotFoundException:
        return None
    except (AirflowException, ValueError) as error:
        raise ConfigError(f"connection {connection.name}: airflow's ssh hook does not take it", detail=str(error)) from error
    # With this the hook would not read known_hosts at all, and take whatever answers.
    hook.allow_host_key_change = False
    # Known_hosts of the machine, which the hook does not read, may be where the key is known from.
    hook.host_key = hook.host_key or trusted[0]
    # As `ssh_client`: whoever names a key or a password means that one.
    hook.look_for_keys = not (hook.pkey or hook.key_file or hook.password)
    return hook.get_conn()
