"""Inside Airflow, Keystone is asked through Airflow's own OpenStack provider where its hook knows how."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import keystoneauth1.identity.generic
import keystoneauth1.identity.v3
import pytest

from include.proven import connections, openstack_session
from proven_airflow import connections as edge
from tests.airflow.test_one_process import ORDERS, run_here, verdict_of
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet
from tests.servers.keystone import KeystoneSwift


@pytest.fixture
def in_airflow() -> Iterator[None]:
    """Let the library ask Airflow, as its tasks do."""
    edge.install()
    yield
    connections.use_resolver(None)
    openstack_session.use_sessions(None)


def as_airflow(found: connections.Connection) -> str:
    """Return a connection as Airflow reads it from the environment."""
    return json.dumps({name: value for name, value in dataclasses.asdict(found).items() if name != "name" and value})


@pytest.mark.usefixtures("in_airflow")
def test_the_providers_hook_opens_the_session(keystone_swift: KeystoneSwift, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = keystone_swift.keystone.by_project_id(keystone_swift.people[0])
    monkeypatch.setenv("AIRFLOW_CONN_PROVEN_SWIFT", as_airflow(ours))
    session = openstack_session.open_session(connections.resolve("proven_swift"))
    assert isinstance(session.auth, keystoneauth1.identity.generic.Password)
    assert session.get_project_id() == keystone_swift.people[0].project_id


@pytest.mark.usefixtures("in_airflow")
def test_an_application_credential_which_the_hook_does_not_know_is_ours(
    keystone_swift: KeystoneSwift, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = keystone_swift.keystone.by_application_credential(keystone_swift.people[0])
    monkeypatch.setenv("AIRFLOW_CONN_PROVEN_SWIFT", as_airflow(ours))
    session = openstack_session.open_session(connections.resolve("proven_swift"))
    assert isinstance(session.auth, keystoneauth1.identity.v3.ApplicationCredential)
    assert session.get_project_id() == keystone_swift.people[0].project_id


def test_a_backup_and_its_drill_go_by_way_of_keystone(
    mariadb_source: DatabaseServer, make_fleet: MakeFleet, keystone_swift: KeystoneSwift, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql(ORDERS, schema)
    files = make_fleet(mariadb_source, schemas=[schema])
    ours = keystone_swift.keystone.by_project_id(keystone_swift.people[0])
    files.connections["swift"] = json.loads(as_airflow(ours))
    files.write()
    done = run_here(files, "backup__shop", "drill__shop")
    assert done.returncode == 0, done.stdout[-4000:]
    assert verdict_of(files, monkeypatch) == "proven"
