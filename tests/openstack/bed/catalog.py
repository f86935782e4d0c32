"""Enter projects, users and services into a fresh Keystone. Usage: catalog.py KEYSTONE PASSWORD TYPE=URL …

The project `proven` with the user `proven` is whose the sandboxes are; `stranger` is another one; both are mere members.
"""

from __future__ import annotations

import sys

from keystoneauth1 import session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client

SERVICES = ("nova", "glance", "placement", "neutron")
TENANTS = ("proven", "stranger")


def main(url: str, password: str, *services: str) -> None:
    auth = v3.Password(
        url,
        username="admin",
        password=password,
        project_name="admin",
        user_domain_name="Default",
        project_domain_name="Default",
    )
    keystone = client.Client(session=session.Session(auth=auth))
    roles = {role.name: role for role in keystone.roles.list()}
    projects = {name: keystone.projects.create(name, domain="default") for name in ("service", *TENANTS)}
    for name in SERVICES:
        user = keystone.users.create(name, domain="default", password=password, default_project=projects["service"])
        for role in ("admin", "service"):
            keystone.roles.grant(roles[role], user=user, project=projects["service"])
    for name in TENANTS:
        user = keystone.users.create(name, domain="default", password=password, default_project=projects[name])
        keystone.roles.grant(roles["member"], user=user, project=projects[name])
    for kind, address in (service.split("=", 1) for service in services):
        made = keystone.services.create(name=kind, type=kind)
        for interface in ("public", "internal", "admin"):
            keystone.endpoints.create(service=made, url=address, interface=interface, region="RegionOne")


if __name__ == "__main__":
    main(*sys.argv[1:])
