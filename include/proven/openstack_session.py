"""Where Keystone's sessions come from: Airflow, if we run inside it, else the connection's own words."""

from __future__ import annotations

from collections.abc import Callable

import keystoneauth1.identity.v3
import keystoneauth1.session

from include.proven import connections, errors

TIMEOUT_SECONDS = 60

OpenSession = Callable[[connections.Connection], keystoneauth1.session.Session | None]
"""Given a connection, opens a session of its own for it, or returns None: then ours is used."""

_openers: list[OpenSession] = []


def use_sessions(opener: OpenSession | None) -> None:
    """Let `opener` open sessions where it can; None: open them here."""
    _openers[:] = [opener] if opener else []


def open_session(settings: connections.Connection) -> keystoneauth1.session.Session:
    """Return a Keystone session: Airflow's, if we run inside it, else by application credential or by password.

    It logs in with its first request. The extra may be written as keystoneauth names things (`project_name`,
    `user_domain_name` …) or as Airflow's OpenStack provider does (`OS_PROJECT_ID`, `OS_PROJECT_DOMAIN_ID`, `OS_REGION_NAME`).
    """
    for opener in _openers:
        if session := opener(settings):
            return session
    return keystoneauth1.session.Session(
        auth=_authentication(settings), verify=settings.extra.get("cacert", True), timeout=TIMEOUT_SECONDS
    )


def require_url(settings: connections.Connection) -> None:
    """Raise ConfigError if the host of a connection is no URL."""
    if not settings.host.startswith(("http://", "https://")):
        raise errors.ConfigError(
            f"connection {settings.name}: its host is no URL: {settings.host!r}",
            hint="Write the URL of Swift's or Keystone's authentication: https://…/auth/v1.0 or https://…/v3.",
        )


def region(settings: connections.Connection) -> str | None:
    """Return the region that a connection names, or None: the catalog's first."""
    return settings.extra.get("region_name") or settings.extra.get("OS_REGION_NAME")


def secret(settings: connections.Connection) -> str:
    """Return what proves who we are: the secret of the application credential, or the password."""
    return str(settings.extra.get("application_credential_secret") or settings.password)


def _authentication(settings: connections.Connection) -> keystoneauth1.identity.v3.Auth:
    extra = settings.extra
    if "application_credential_id" in extra:
        return keystoneauth1.identity.v3.ApplicationCredential(
            settings.host,
            application_credential_id=extra["application_credential_id"],
            application_credential_secret=secret(settings),
        )
    domain = {"project_domain_name": extra.get("project_domain_name", "Default")} if "project_name" in extra else {}
    user_domain = extra.get("OS_PROJECT_DOMAIN_ID")
    return keystoneauth1.identity.v3.Password(
        settings.host,
        username=settings.login,
        password=settings.password,
        user_domain_id=user_domain,
        user_domain_name=None if user_domain else extra.get("user_domain_name", "Default"),
        project_id=extra.get("OS_PROJECT_ID"),
        project_name=extra.get("project_name"),
        **domain,
    )
