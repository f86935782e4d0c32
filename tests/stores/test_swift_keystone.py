"""The Swift store where Keystone knows the users: log-in by password and by application credential, and who gets in."""

from __future__ import annotations

import dataclasses
import logging
import secrets

import boto3
import botocore.config
import pytest
import requests
import swiftclient

from include.proven import connections, errors
from tests.servers.keystone import KeystoneSwift
from tests.stores.conformance import ARTIFACT, StoreConformance, fetch, store_artifact
from tests.stores.test_swift import SwiftBed


@dataclasses.dataclass
class KeystoneBed(SwiftBed):
    """A container of the session's Swift that trusts Keystone."""

    swift: KeystoneSwift

    def for_stranger(self, url: str) -> str:
        stranger = self.swift.raw(1)
        stranger.put_container(self.container)
        stranger.put_object(self.container, f"backups/{ARTIFACT}", b"secret of another")
        return url.replace(self.swift.account(), self.swift.account(1))


@pytest.fixture
def bed(keystone_swift: KeystoneSwift) -> KeystoneBed:
    return KeystoneBed(keystone_swift, f"t{secrets.token_hex(4)}")


class TestSwiftWithKeystone(StoreConformance):
    """Swift keeps what every store promises, whoever knows its users."""


@pytest.fixture(params=["password", "application credential", "Airflow's extras"])
def login(request: pytest.FixtureRequest, keystone_swift: KeystoneSwift) -> connections.Connection:
    """Each way to log in."""
    ways = {
        "password": keystone_swift.keystone.by_password,
        "application credential": keystone_swift.keystone.by_application_credential,
        "Airflow's extras": keystone_swift.keystone.by_project_id,
    }
    return ways[request.param](keystone_swift.people[0])


def test_every_log_in_reads_and_writes(bed: KeystoneBed, login: connections.Connection) -> None:
    store = bed.swift.open(bed.container, login)
    store.check()
    store.put_record("shop/a", b"x")
    store_artifact(store, ARTIFACT, b"secret" * 1000)
    assert store.get_record("shop/a") == bed.swift.raw().get_object(bed.container, "backups/shop/a")[1] == b"x"
    assert fetch(store.presign_get(ARTIFACT)) == b"secret" * 1000


def test_account_is_the_projects(bed: KeystoneBed) -> None:
    bed.store.put_record("shop/a", b"x")
    storage_url, _ = bed.swift.raw().get_auth()
    assert storage_url == f"{bed.swift.server.url}/v1/{bed.swift.account()}"


def test_wrong_password_names_the_connection_and_shows_no_password(
    keystone_swift: KeystoneSwift, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = secrets.token_hex(16)
    wrong = dataclasses.replace(keystone_swift.wrong_password(), password=password)
    with pytest.raises(errors.StoreError, match="keystone: 401 Unauthorized") as caught:
        keystone_swift.open("proven", wrong).put_record("a", b"x")
    assert "does not accept these credentials" in caught.value.hint
    assert "proven_swift" in caught.value.hint
    for text in (caplog.text, str(caught.value)):
        assert password not in text


def test_revoked_application_credential_is_refused(bed: KeystoneBed) -> None:
    keystone, (person, _) = bed.swift.keystone, bed.swift.people
    login = keystone.by_application_credential(person)
    bed.swift.open(bed.container, login).check()
    path = f"/users/{person.user_id}/application_credentials/{login.extra['application_credential_id']}"
    keystone.open(person.name, person.password, person.name).delete(path)
    with pytest.raises(errors.StoreError, match="keystone: 404") as caught:
        bed.swift.open(bed.container, login).check()
    assert "does not accept these credentials" in caught.value.hint


def test_project_that_is_not_ours_is_refused(keystone_swift: KeystoneSwift) -> None:
    login = keystone_swift.connection()
    other = dataclasses.replace(login, extra=login.extra | {"project_name": keystone_swift.people[1].name})
    with pytest.raises(errors.StoreError, match="401") as caught:
        keystone_swift.open("proven", other).check()
    assert "project" in caught.value.hint


def test_user_of_another_project_is_refused(bed: KeystoneBed) -> None:
    bed.store.put_record("shop/a", b"x")
    theirs = bed.swift.raw(1).get_auth()[1]
    ours = f"{bed.swift.server.url}/v1/{bed.swift.account()}"
    for action in (
        lambda: swiftclient.client.get_object(ours, theirs, bed.container, "backups/shop/a"),
        lambda: swiftclient.client.put_object(ours, theirs, bed.container, "backups/shop/b", b"x"),
        lambda: swiftclient.client.head_account(ours, theirs),
    ):
        with pytest.raises(swiftclient.ClientException) as caught:
            action()
        assert caught.value.http_status == 403


def test_member_without_a_role_for_swift_is_named(keystone_swift: KeystoneSwift) -> None:
    reader = keystone_swift.keystone.add_person(f"reader{secrets.token_hex(4)}", role="reader")
    with pytest.raises(errors.StoreError, match="403") as caught:
        keystone_swift.open("proven", keystone_swift.keystone.by_password(reader)).check()
    assert "may not do this" in caught.value.hint


def test_region_that_is_not_in_the_catalog_is_named(keystone_swift: KeystoneSwift) -> None:
    login = keystone_swift.connection()
    with pytest.raises(errors.StoreError) as caught:
        keystone_swift.open("proven", dataclasses.replace(login, extra=login.extra | {"region_name": "nowhere"})).check()
    assert "region_name" in caught.value.hint


def test_token_is_no_use_without_keystone_saying_so(bed: KeystoneBed) -> None:
    bed.store.put_record("shop/a", b"x")
    url = f"{bed.swift.server.url}/v1/{bed.swift.account()}/{bed.container}/backups/shop/a"
    for headers in ({}, {"X-Auth-Token": "gAAAAABforged"}):
        assert requests.get(url, headers=headers, timeout=30).status_code == 401


def test_same_swift_is_read_by_s3_with_a_key_of_keystone(bed: KeystoneBed) -> None:
    bed.store.put_record("shop/a", b"x")
    config = botocore.config.Config(
        signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}
    )
    statuses = []
    for person in bed.swift.people:
        keys = bed.swift.keystone.ec2_keys(person)
        s3 = boto3.client(
            "s3",
            endpoint_url=bed.swift.server.url,
            region_name="us-east-1",
            aws_access_key_id=keys.access,
            aws_secret_access_key=keys.secret,
            config=config,
        )
        try:
            statuses.append(s3.get_object(Bucket=bed.container, Key="backups/shop/a")["Body"].read())
        except s3.exceptions.ClientError as error:
            statuses.append(error.response["Error"]["Code"])
    assert statuses == [b"x", "NoSuchBucket"]
