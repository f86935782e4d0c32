"""The Swift store, on the real Swift."""

from __future__ import annotations

import dataclasses
import datetime
import json
import logging
import pathlib
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest
import requests
import swiftclient

from include.proven import connections, errors
from include.proven.fleet import model
from include.proven.stores import open_store
from include.proven.stores.contract import OutgoingPart, Store, Upload
from include.proven.stores.swift import SwiftStore
from tests.servers.swift import Swift, SwiftFactory
from tests.stores import conformance
from tests.stores.beds import Ability
from tests.stores.conformance import ARTIFACT, StoreConformance, fetch, store_artifact


@dataclasses.dataclass
class SwiftBed:
    """A container of the session's Swift."""

    swift: Swift
    container: str
    lacks: ClassVar[Mapping[Ability, str]] = {}

    def __post_init__(self) -> None:
        self.store: Store = self.swift.store(self.container)
        self.short_lived: Store = self.swift.store(self.container, seconds=1)
        login = self.swift.connection()
        self.wrong_credentials: Store = self.open(dataclasses.replace(login, password="wrong"))
        self.fail_to_connect: Store = self.open(dataclasses.replace(login, host="http://127.0.0.1:9/auth/v1.0"))
        for name in (self.container, self.segments):
            self.swift.raw().put_container(name)

    @property
    def segments(self) -> str:
        return f"{self.container}_segments"

    def open(self, connection: connections.Connection) -> Store:
        config = model.SwiftStore(kind="swift", connection="proven_swift", container=self.container, prefix="backups")
        return SwiftStore("swift", config, connection, retries=0)

    def everything(self) -> list[str]:
        return [f"{name}/{entry}" for name in (self.container, self.segments) for entry in self.swift.names(name)]

    def overwrite_part(self, upload: Upload, part: OutgoingPart, content: bytes) -> None:
        self.put_segment(upload.key, part.number, content)

    def put_segment(self, key: str, number: int, content: bytes) -> str:
        """Write a segment and return its path."""
        name = f"backups/{key}/{number:08d}"
        self.swift.raw().put_object(self.segments, name, content)
        return f"/{self.segments}/{name}"

    def replace_object(self, key: str, pieces: Sequence[bytes]) -> None:
        # With a new manifest, or Swift itself would see the damage.
        entries = [{"path": self.put_segment(key, number, piece)} for number, piece in enumerate(pieces, 1)]
        name = f"backups/{key}"
        self.swift.raw().put_object(self.container, name, json.dumps(entries), query_string="multipart-manifest=put")

    def lose_part(self, key: str, number: int) -> None:
        self.swift.raw().delete_object(self.segments, f"backups/{key}/{number:08d}")

    def for_other_part(self, url: str) -> str:
        return url.replace("00000001", "00000002")

    def for_stranger(self, url: str) -> str:
        stranger = self.swift.raw(1)
        stranger.put_container(self.container)
        stranger.put_object(self.container, f"backups/{ARTIFACT}", b"secret of another")
        return url.replace("AUTH_proven", "AUTH_stranger")


@pytest.fixture
def bed(swift: Swift) -> SwiftBed:
    return SwiftBed(swift, f"t{secrets.token_hex(4)}")


class TestSwift(StoreConformance):
    """Swift keeps what every store promises."""


def test_store_opens_from_the_fleet_file(swift: Swift) -> None:
    config = model.SwiftStore(kind="swift", connection="proven_swift", container=f"t{secrets.token_hex(4)}")
    store = open_store("mine", config, lambda name: swift.connection())
    store.check()
    store.put_record("shop/a", b"x")
    assert store.name == "mine"
    assert swift.names(config.container) == ["shop/a"]


def test_layout_is_the_documented_one(bed: SwiftBed) -> None:
    store_artifact(bed.store, ARTIFACT, b"x" * (conformance.PART_BYTES + 1))
    assert bed.everything() == [
        f"{bed.container}/backups/{ARTIFACT}",
        f"{bed.segments}/backups/{ARTIFACT}/00000001",
        f"{bed.segments}/backups/{ARTIFACT}/00000002",
    ]
    manifest = bed.swift.raw().get_object(bed.container, f"backups/{ARTIFACT}", query_string="multipart-manifest=get")[1]
    assert [segment["bytes"] for segment in json.loads(manifest)] == [conformance.PART_BYTES, 1]


def test_other_account_can_not_open_the_store(swift: Swift, bed: SwiftBed) -> None:
    store_artifact(bed.store, ARTIFACT, b"x")
    url = f"{swift.server.url}/v1/AUTH_proven/{bed.container}/backups/{ARTIFACT}"
    _, token = swift.raw(1).get_auth()
    with pytest.raises(swiftclient.ClientException) as caught:
        swiftclient.client.head_object(url.rpartition(f"/{bed.container}/")[0], token, bed.container, f"backups/{ARTIFACT}")
    assert caught.value.http_status == 403


def test_existing_key_of_the_account_is_used_and_kept(start_swift: SwiftFactory) -> None:
    swift = start_swift()
    swift.raw().post_account({"X-Account-Meta-Temp-URL-Key-2": "made-by-the-operator"})
    store = swift.store("proven")
    store.check()
    account = swift.raw().head_account()
    assert account["x-account-meta-temp-url-key-2"] == "made-by-the-operator"
    assert "x-account-meta-temp-url-key" not in account


def test_more_parts_than_one_manifest_takes_become_manifests_of_manifests(start_swift: SwiftFactory) -> None:
    swift = start_swift(manifest_segments=3)
    store = swift.store("proven")
    content = secrets.token_bytes(11 * conformance.PART_BYTES + 5)
    store_artifact(store, ARTIFACT, content)
    assert fetch(store.presign_get(ARTIFACT)) == content
    assert [stored.bytes for stored in store.list_objects("shop")] == [len(content)]
    assert store.list_uploads("") == []
    store.delete_folder("shop")
    assert swift.names("proven") == swift.names("proven_segments") == []


def test_missing_container_is_named(swift: Swift) -> None:
    with pytest.raises(errors.StoreError, match="list container nowhere: 404") as caught:
        list(swift.store("nowhere").list_objects("shop"))
    assert "`container` in the fleet file" in caught.value.hint
    assert "X-Trans-Id tx" in caught.value.detail


def test_quota_is_named(bed: SwiftBed) -> None:
    bed.swift.raw().post_container(bed.container, {"X-Container-Meta-Quota-Bytes": "10"})
    with pytest.raises(errors.StoreError, match=r"swift: put object shop/a: 413 Request Entity Too Large") as caught:
        bed.store.put_record("shop/a", b"x" * 11)
    assert "quota" in caught.value.hint
    assert "X-Trans-Id tx" in caught.value.detail


def test_object_that_is_too_large_is_named(start_swift: SwiftFactory) -> None:
    store = start_swift(constraints={"max_file_size": 5242880}).store("proven")
    with pytest.raises(errors.StoreError, match="413"):
        store.put_record("shop/a", b"x" * 5242881)


def test_full_store_is_named(start_swift: SwiftFactory, tmp_path: pathlib.Path) -> None:
    start_swift(tmp_path).store("proven").check()
    full = start_swift(tmp_path, reserve="100%").store("proven")
    for action in (full.check, lambda: full.put_record("shop/a", b"x")):
        with pytest.raises(errors.StoreError, match=r"50[37]") as caught:
            action()
        assert "full" in caught.value.hint


def test_swift_keeps_its_data_over_a_restart(start_swift: SwiftFactory, tmp_path: pathlib.Path) -> None:
    start_swift(tmp_path).store("proven").put_record("shop/a", b"kept")
    assert start_swift(tmp_path).store("proven").get_record("shop/a") == b"kept"


def test_threads_share_a_store(bed: SwiftBed) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            store_artifact(bed.store, f"shop/{number}/dump", b"x" * number)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert bed.store.list_folders("shop") == [str(number) for number in range(8)]


def test_refused_login_is_tried_twice_at_most_and_never_logged(swift: Swift, caplog: pytest.LogCaptureFixture) -> None:
    password = secrets.token_hex(16)
    wrong = dataclasses.replace(swift.connection(), password=password)
    config = model.SwiftStore(kind="swift", connection="proven_swift", container="proven")
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "swiftclient")
    with pytest.raises(errors.StoreError, match="401") as caught:
        SwiftStore("swift", config, wrong).put_record("a", b"x")
    assert 0 < caplog.text.count('"GET /auth/v1.0') <= 2
    assert "proven_swift" in caught.value.hint
    for text in (caplog.text, str(caught.value)):
        assert password[:4] not in text


def test_host_that_is_no_url_is_a_config_error(bed: SwiftBed) -> None:
    with pytest.raises(errors.ConfigError, match=r"its host is no URL: 'swift\.example'"):
        bed.open(dataclasses.replace(bed.swift.connection(), host="swift.example")).check()


def test_unknown_auth_version_is_a_config_error(bed: SwiftBed) -> None:
    with pytest.raises(errors.ConfigError, match="auth_version '2' is not known"):
        bed.open(dataclasses.replace(bed.swift.connection(), extra={"auth_version": "2"})).check()


def test_two_signing_keys_live_at_a_time(bed: SwiftBed) -> None:
    assert isinstance(bed.store, SwiftStore)
    store_artifact(bed.store, ARTIFACT, b"x")
    before = bed.store.presign_get(ARTIFACT)
    bed.store.rotate_key()
    after = bed.store.presign_get(ARTIFACT)
    assert (fetch(before), fetch(after)) == (b"x", b"x")
    bed.store.rotate_key()
    assert fetch(after) == b"x"
    assert requests.get(before.url, timeout=30).status_code == 401


def test_what_is_given_to_the_store_to_expire_loses_its_manifest_first(swift: Swift) -> None:
    config = model.SwiftStore(
        kind="swift", connection="s", container=f"t{secrets.token_hex(4)}", expire_after=datetime.timedelta(days=30)
    )
    store, raw = SwiftStore("swift", config, swift.connection()), swift.raw()
    store_artifact(store, "shop/x/dump", b"x" * (conformance.PART_BYTES + 1))
    store.put_record("shop/x/manifest.json", b"{}", keep=True)
    store.put_record("shop/pages/a.json", b"{}")

    def expiry(container: str, name: str) -> float:
        return int(raw.head_object(container, name).get("x-delete-at", 0)) - time.time()

    manifest = expiry(config.container, "shop/x/manifest.json")
    assert 29.9 < manifest / 86400 < 30
    for container, name in ((config.container, "shop/x/dump"), (f"{config.container}_segments", "shop/x/dump/00000001")):
        assert expiry(container, name) > manifest + 86400
    assert "x-delete-at" not in raw.head_object(config.container, "shop/pages/a.json")
