"""The bed as its tenants see it: credentials, and plain clients that know nothing of Proven."""

from __future__ import annotations

import functools
import secrets
from typing import Any

import openstack

from include.proven import connections


class Bed:
    def __init__(self, described: dict[str, Any]) -> None:
        self.described = described
        self.image: str = described["image"]
        self.network: str = described["network"]

    def connection(self, name: str = "proven", **changes: Any) -> connections.Connection:
        """Return the credentials of a project (`proven`, `stranger`, `admin`): its user has its name."""
        extra = {"project_name": name, "user_domain_name": "Default", "project_domain_name": "Default"}
        extra |= {"region_name": "RegionOne"}
        fields = {"host": self.described["url"], "login": name, "password": self.described["password"], "extra": extra}
        return connections.Connection("openstack", "openstack", **{**fields, **changes})

    def application_credential(self) -> connections.Connection:
        """Make an application credential of `proven` and return the connection that logs in by it."""
        api = self.api()
        made = api.identity.create_application_credential(api.current_user_id, secrets.token_hex(4))
        return self.connection(login="", password=made.secret, extra={"application_credential_id": made.id})

    @functools.cache  # noqa: B019  # one bed a session
    def api(self, name: str = "proven") -> Any:
        """Return openstacksdk as that project sees the cloud."""
        domains = {"user_domain_name": "Default", "project_domain_name": "Default"}
        return openstack.connect(
            auth_url=self.described["url"],
            username=name,
            password=self.described["password"],
            project_name=name,
            region_name="RegionOne",
            **domains,
        )

    def server(self, name: str) -> Any:
        """Return the one server of that exact name, with all that Nova tells an administrator."""
        (found,) = [server for server in self.servers() if server.name == name]
        return self.api("admin").compute.get_server(found.id)

    def servers(self) -> list[Any]:
        """Return the servers of `proven`."""
        return list(self.api().compute.servers())

    def groups(self, name: str = "proven") -> list[Any]:
        """Return a project's security groups."""
        api = self.api(name)
        return list(api.network.security_groups(project_id=api.current_project_id))

    def everything(self) -> dict[str, list[str]]:
        """Return the names of all that `proven` has."""
        return {
            "servers": sorted(server.name for server in self.servers()),
            "ports": sorted(port.id for port in self.api().network.ports()),
            "groups": sorted(group.name for group in self.groups()),
        }
