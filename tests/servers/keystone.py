"""Fixtures `keystone` (one real Keystone for the session) and `keystone_swift` (a real Swift that trusts it)."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import secrets
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import swiftclient
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from include.proven import connections, daemons
from include.proven.demo import swift as embedded
from include.proven.demo.swift_server import config
from include.proven.fleet import model
from include.proven.stores.swift import SwiftStore
from tests.servers.missing import give_up
from tests.servers.swift import Swift

CHECKOUT = pathlib.Path(__file__).parents[2]
REGION = "RegionOne"
START_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Person:
    """A user who is a member of one project, of the same name, and of no other."""

    name: str
    user_id: str
    project_id: str
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Ec2Keys:
    """An S3 access key that Keystone knows."""

    access: str
    secret: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Keystone:
    """A running Keystone: one domain, `Default`, and one region."""

    url: str
    """With its version: `http://127.0.0.1:…/v3`"""
    admin_password: str = dataclasses.field(repr=False)

    def open(self, user: str, password: str, project: str) -> Adapter:
        """Return Keystone's API as that user sees it."""
        domain = {"user_domain_name": "Default", "project_domain_name": "Default"}
        auth = Password(self.url, username=user, password=password, project_name=project, **domain)
        return Adapter(Session(auth=auth), service_type="identity", endpoint_override=self.url, raise_exc=True)

    def admin(self) -> Adapter:
        """Return Keystone's API as its administrator sees it."""
        return self.open("admin", self.admin_password, "admin")

    def add_person(self, name: str, role: str = "member") -> Person:
        """Make a project and a user who has a role there."""
        admin = self.admin()
        project = create(admin, "project", {"name": name})["id"]
        password = secrets.token_hex(8)
        user = create(admin, "user", {"name": name, "password": password})["id"]
        found = admin.get("/roles", params={"name": role}).json()["roles"][0]["id"]
        admin.put(f"/projects/{project}/users/{user}/roles/{found}")
        return Person(name, user, project, password)

    def add_endpoint(self, service_type: str, url: str) -> None:
        """Enter a service into the catalog. `%(project_id)s` in its URL is replaced by Keystone."""
        admin = self.admin()
        service = create(admin, "service", {"name": service_type, "type": service_type})["id"]
        create(admin, "endpoint", {"service_id": service, "interface": "public", "url": url, "region_id": REGION})

    def by_password(self, person: Person) -> connections.Connection:
        """Return the connection that logs in by v3 password."""
        extra = {"auth_version": "3", "project_name": person.name, "user_domain_name": "Default"}
        extra |= {"project_domain_name": "Default", "region_name": REGION}
        return self._connection(person.name, person.password, extra)

    def by_project_id(self, person: Person) -> connections.Connection:
        """Return the same, its extra written as Airflow's OpenStack provider reads it."""
        extra = {"OS_PROJECT_ID": person.project_id, "OS_PROJECT_DOMAIN_ID": "default", "OS_REGION_NAME": REGION}
        return self._connection(person.name, person.password, extra)

    def by_application_credential(self, person: Person) -> connections.Connection:
        """Make an application credential of that person and return the connection that logs in by it."""
        api = self.open(person.name, person.password, person.name)
        asked = {"name": secrets.token_hex(4)}
        made = create(api, "application_credential", asked, f"/users/{person.user_id}/application_credentials")
        return self._connection("", made["secret"], {"auth_version": "3", "application_credential_id": made["id"]})

    def ec2_keys(self, person: Person) -> Ec2Keys:
        """Make an access key of that person, for the S3 side of a Swift that trusts this Keystone."""
        api = self.open(person.name, person.password, person.name)
        made = api.post(f"/users/{person.user_id}/credentials/OS-EC2", json={"tenant_id": person.project_id})
        credential = made.json()["credential"]
        return Ec2Keys(credential["access"], credential["secret"])

    def _connection(self, login: str, password: str, extra: dict[str, Any]) -> connections.Connection:
        return connections.Connection("proven_swift", "openstack", self.url, login=login, password=password, extra=extra)


@dataclasses.dataclass
class KeystoneSwift(Swift):
    """A running Swift whose users are Keystone's; `connection`, `raw` and `store` log in by v3 password."""

    keystone: Keystone
    people: tuple[Person, Person]
    """Ours, and a stranger: members of two projects."""

    def connection(self, number: int = 0) -> connections.Connection:
        """Return our credentials, or the stranger's (1)."""
        return self.keystone.by_password(self.people[number])

    def wrong_password(self) -> connections.Connection:
        """Return our credentials with a password that is not ours."""
        return dataclasses.replace(self.connection(), password="wrong")

    def account(self, number: int = 0) -> str:
        """Return the name of our account, or of the stranger's (1)."""
        return f"AUTH_{self.people[number].project_id}"

    def raw(self, number: int = 0) -> Any:
        """Return a plain swiftclient connection: what anybody else sees of the store."""
        person = self.people[number]
        session = self.keystone.open(person.name, person.password, person.name).session
        return swiftclient.Connection(session=session, os_options={"region_name": REGION}, retries=0)

    def open(self, container: str, connection: connections.Connection) -> SwiftStore:
        """Open a store with other credentials than ours."""
        settings = model.SwiftStore(kind="swift", connection=connection.name, container=container, prefix="backups")
        return SwiftStore("swift", settings, connection, retries=0)


def create(api: Adapter, kind: str, members: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Given a kind of thing, make one in Keystone and return it as Keystone describes it."""
    answer: dict[str, Any] = api.post(path or f"/{kind}s", json={kind: members}).json()[kind]
    return answer


def start_keystone(python: pathlib.Path, root: pathlib.Path) -> tuple[Keystone, daemons.Daemon]:
    """Start a Keystone on an empty directory and return it when it answers, with its process. It goes when this one goes."""
    password = secrets.token_hex(8)
    config.write_private(root / "settings.json", json.dumps({"admin_password": password, "parent": os.getpid()}))
    argv = [str(python), "-m", "tests.servers.keystone_server", str(root)]
    environment = {"PATH": os.defpath, "HOME": str(root), "LANG": "C.UTF-8"}
    process = daemons.start_daemon("keystone", argv, environment=environment, log=root / "out", directory=CHECKOUT)
    deadline = time.monotonic() + START_SECONDS
    while not (root / "ready.json").exists():
        if not daemons.is_alive(process) or time.monotonic() > deadline:
            daemons.stop_daemons([process], grace_seconds=0)
            pytest.fail(f"keystone did not start: {(root / 'out').read_text()[-2000:]}")
        time.sleep(0.05)
    return Keystone(json.loads((root / "ready.json").read_text())["url"], password), process


@pytest.fixture(scope="session")
def keystone_python() -> pathlib.Path:
    """The Python of the environment that holds Keystone, and Swift with what it needs to trust it."""
    done = subprocess.run([CHECKOUT / "scripts/fetch-keystone"], capture_output=True, text=True, check=False)
    if done.returncode:
        give_up("Keystone", f"scripts/fetch-keystone failed: {done.stderr.strip()[-400:]}")
    return pathlib.Path(done.stdout.strip())


@pytest.fixture(scope="session")
def keystone(keystone_python: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """Run one real Keystone for all tests."""
    server, process = start_keystone(keystone_python, tmp_path_factory.mktemp("keystone"))
    yield server
    daemons.stop_daemons([process], grace_seconds=10)


@pytest.fixture(scope="session")
def keystone_swift(
    keystone: Keystone, keystone_python: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeystoneSwift]:
    """Run one real Swift that trusts the Keystone and stands in its catalog."""
    service = keystone.add_person("swift", role="service")
    trusted = config.Keystone(keystone.url, service.name, service.name, service.password)
    settings = config.Settings(keystone=trusted, parent=os.getpid(), s3_minimum_part=1)
    server = embedded.start_swift(tmp_path_factory.mktemp("swift"), keystone_python, settings)
    keystone.add_endpoint("object-store", f"{server.url}/v1/AUTH_%(project_id)s")
    people = (keystone.add_person("proven"), keystone.add_person("stranger"))
    yield KeystoneSwift(server, settings, keystone, people)
    embedded.stop(server)
