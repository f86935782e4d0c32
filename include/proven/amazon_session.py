"""Where sessions of boto3 come from: Airflow, if we run inside it, else `amazon_credentials`.

This module does without boto3, whose import takes half a second: whoever opens no store in S3, and no sandbox in EC2, should
not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from include.proven import connections, errors

if TYPE_CHECKING:
    import boto3

OpenSession = Callable[[connections.Connection], "boto3.session.Session | None"]
"""Given a connection, opens a session of its own for it, or returns None: then ours is used."""

_openers: list[OpenSession] = []


def use_sessions(opener: OpenSession | None) -> None:
    """Let `opener` open sessions where it can; None: open them here."""
    _openers[:] = [opener] if opener else []


def open_session(settings: connections.Connection) -> boto3.session.Session:
    """Return the session of a connection: Airflow's, if we run inside it, else one of its keys, profile and role.

    Raise ConfigError for half a pair of keys: boto3 would take whatever else it finds on this machine.
    """
    if bool(settings.login) != bool(settings.password):
        raise errors.ConfigError(
            f"connection {settings.name}: it has a login or a password, and not both",
            hint="They are the access key and its secret; without both, the machine's own role is used.",
        )
    for opener in _openers:
        if session := opener(settings):
            return session
    from include.proven import amazon_credentials

    return amazon_credentials.open_session(settings)
