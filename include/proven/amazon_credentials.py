"""Sessions of boto3 from a connection of type `aws`, read as Airflow's Amazon provider reads it.

Login and password are the access key and its secret. Without them boto3 looks where it always looks: environment,
`~/.aws`, the instance's or the container's role. The extra may hold `region_name`, `endpoint_url`, `aws_session_token`,
`profile_name`, `role_arn` with `assume_role_kwargs`, `verify`, `config_kwargs`, and endpoints of single services in
`service_config`.
"""

from __future__ import annotations

from typing import Any

import boto3
import botocore.credentials
import botocore.exceptions
import botocore.session

from include.proven import connections, errors

BY_ROLE = "assume_role"


def open_session(settings: connections.Connection) -> boto3.session.Session:
    """Return a session of the connection's keys, profile and role.

    Raise ConfigError if the role is to be assumed in a way that only Airflow knows, and BotoCoreError for what boto3 refuses.
    """
    extra = settings.extra
    session = boto3.session.Session(
        aws_access_key_id=settings.login or extra.get("aws_access_key_id"),
        aws_secret_access_key=settings.password or extra.get("aws_secret_access_key"),
        aws_session_token=extra.get("aws_session_token"),
        region_name=extra.get("region_name"),
        profile_name=extra.get("profile_name"),
    )
    return _assume_role(session, settings) if extra.get("role_arn") else session


def find_endpoint(settings: connections.Connection, service: str) -> str | None:
    """Return where a service of another cloud is, or None for Amazon's own."""
    # As in Airflow's provider, `endpoint_url` is not where roles are assumed.
    common = settings.extra.get("endpoint_url") if service != "sts" else None
    found = settings.extra.get("service_config", {}).get(service, {}).get("endpoint_url", common)
    return str(found) if found else None


def _assume_role(session: boto3.session.Session, settings: connections.Connection) -> boto3.session.Session:
    """Return a session of temporary credentials, which it gets when it first needs them and renews before they end."""
    method = settings.extra.get("assume_role_method", BY_ROLE)
    if method != BY_ROLE:
        raise errors.ConfigError(
            f"connection {settings.name}: assume_role_method {method!r} works inside Airflow only",
            hint=f"On the command line only {BY_ROLE} does.",
        )
    credentials = session.get_credentials()
    if credentials is None:
        raise botocore.exceptions.NoCredentialsError

    def create_client(service: str, **keys: Any) -> Any:
        return session.client(service, endpoint_url=find_endpoint(settings, service), **keys)

    fetcher = botocore.credentials.AssumeRoleCredentialFetcher(
        create_client,
        credentials,
        settings.extra["role_arn"],
        extra_args={"RoleSessionName": "proven", **settings.extra.get("assume_role_kwargs", {})},
    )
    core = botocore.session.Session()
    core.register_component("credential_provider", botocore.credentials.CredentialResolver([_AssumedRole(fetcher)]))
    return boto3.session.Session(botocore_session=core, region_name=session.region_name)


class _AssumedRole(botocore.credentials.CredentialProvider):  # type: ignore[misc]  # botocore has no type hints
    """Credentials of a role that was assumed with others."""

    METHOD = "assume-role"

    def __init__(self, fetcher: botocore.credentials.AssumeRoleCredentialFetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def load(self) -> Any:
        """Return credentials that renew themselves."""
        return botocore.credentials.DeferredRefreshableCredentials(self._fetcher.fetch_credentials, self.METHOD)
