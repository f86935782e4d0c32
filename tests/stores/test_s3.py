"""The S3 store, on moto's server and on Swift's own S3."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import threading
from collections.abc import Iterator

import pytest
import requests

from include.proven import errors
from include.proven.fleet import model
from include.proven.manifest import Part
from include.proven.stores import open_store
from include.proven.stores.contract import locate
from include.proven.stores.s3 import S3Store
from include.proven.stores.s3_multipart import StoredPart, compare
from tests.servers.fault_proxy import FaultProxy
from tests.servers.s3 import of_swift
from tests.servers.swift import SwiftFactory
from tests.stores import agent_side
from tests.stores.conformance import ARTIFACT, StoreConformance
from tests.stores.s3_bed import S3Bed
from tests.stores.uploading import (
    describe_all,
    make_pieces,
    sign_one,
    upload,
)

NOW = datetime.datetime.now(datetime.UTC)


class TestMoto(StoreConformance):
    """S3 with all that Amazon's has: checksums, conditions, Object Lock."""

    @pytest.fixture
    def bed(self, moto_bed: S3Bed) -> S3Bed:
        return moto_bed


class TestSwift(StoreConformance):
    """S3 as another cloud speaks it."""

    @pytest.fixture
    def bed(self, swift_bed: S3Bed) -> S3Bed:
        return swift_bed


def test_store_opens_from_the_fleet_file(s3_bed: S3Bed) -> None:
    config = model.S3Store(kind="s3", connection="proven_s3", bucket=s3_bed.bucket)
    store = open_store("mine", config, lambda name: s3_bed.server.connection())
    store.check()
    store.put_record("shop/a", b"x")
    assert store.name == "mine"
    assert s3_bed.server.everything(s3_bed.bucket).objects == {"shop/a": 1}


@pytest.mark.parametrize("header", ["Content-MD5", "x-amz-checksum-sha256"])
def test_signed_put_can_not_be_sent_without_its_checksums(s3_bed: S3Bed, header: str) -> None:
    request = sign_one(s3_bed.store, b"whole")
    rest = {name: value for name, value in request.headers.items() if name != header}
    assert requests.put(request.url, data=b"whole", headers=rest, timeout=30).status_code == 403
    assert requests.put(request.url, data=b"whole", headers=request.headers, timeout=30).status_code == 200


def test_each_checksum_is_compared_by_the_server(s3_bed: S3Bed) -> None:
    (right,), (wrong,) = locate(describe_all([b"whole"])), locate(describe_all([b"other"]))
    opened = s3_bed.store.begin_upload(ARTIFACT)
    for md5, sha256 in ((right.md5, wrong.sha256), (wrong.md5, right.sha256)):
        lie = Part(number=1, bytes=5, md5=md5, sha256=sha256)
        (request,) = s3_bed.store.presign_parts(opened, locate([lie]))
        answer = requests.put(request.url, data=b"whole", headers=request.headers, timeout=30)
        assert (answer.status_code, "<Code>BadDigest</Code>" in answer.text) == (400, True)
    assert s3_bed.store.find_parts(opened, [right]) == set()


def test_the_stores_own_sha256_has_the_last_word_on_a_part() -> None:
    (part,) = describe_all([b"whole"])
    sha256 = base64.b64encode(hashlib.sha256(b"whole").digest()).decode()
    kept = StoredPart(5, "not-its-md5", sha256, NOW)  # with a KMS key, Amazon's ETag is no MD5
    compare(ARTIFACT, [part], {1: kept})
    for other in (StoredPart(5, part.md5, sha256.lower(), NOW), StoredPart(4, part.md5, sha256, NOW)):
        with pytest.raises(errors.IntegrityError, match="part 1 is not what was sent"):
            compare(ARTIFACT, [part], {1: other})


def test_listings_of_many_pages_are_read_to_their_end(s3_bed: S3Bed) -> None:
    store = s3_bed.open(page_size=2)
    pieces = make_pieces(5)
    opened, parts = upload(store, ARTIFACT, pieces)
    assert store.find_parts(opened, locate(parts)) == {1, 2, 3, 4, 5}
    others = [store.begin_upload(f"shop/open/{number}") for number in range(5)]
    assert [found.key for found in store.list_uploads("shop/open")] == [other.key for other in others]
    store.commit_upload(opened, parts)
    content = b"".join(pieces)
    assert agent_side.receive(store.presign_get(ARTIFACT), len(content)) == content
    for number in range(5):
        store.put_record(f"shop/{number}/a", b"x")
    assert [stored.key for stored in store.list_objects("shop")] == sorted(
        [ARTIFACT, *(f"shop/{number}/a" for number in range(5))]
    )
    assert store.list_folders("shop/") == ["0", "1", "2", ARTIFACT.split("/")[1], "3", "4"]
    assert store.delete_folder("shop") == 6
    assert not s3_bed.server.everything(s3_bed.bucket)


def test_part_that_is_too_small_is_named(start_swift: SwiftFactory) -> None:
    swift = start_swift(s3_minimum_part=5 << 20)
    server = of_swift(swift)
    bed = S3Bed(server, server.bucket(), {})
    opened, parts = upload(bed.store, ARTIFACT, make_pieces())
    with pytest.raises(errors.StoreError, match=f"s3: commit object {ARTIFACT}: 400 EntityTooSmall") as caught:
        bed.store.commit_upload(opened, parts)
    assert "5 MiB" in caught.value.hint


@pytest.fixture
def proxy(s3_bed: S3Bed) -> Iterator[FaultProxy]:
    with FaultProxy(s3_bed.server.endpoint_url, seed=1, share=0) as running:
        yield running


def test_record_whose_answer_was_lost_is_written(s3_bed: S3Bed, proxy: FaultProxy) -> None:
    store = s3_bed.open(s3_bed.server.connection(endpoint_url=proxy.url), retries=2)
    proxy.fail("lose_answer", method="PUT")
    store.put_record("shop/x/manifest.json", b"first")
    assert [fault.kind for fault in proxy.log] == ["lose_answer"]
    assert s3_bed.store.get_record("shop/x/manifest.json") == b"first"
    with pytest.raises(errors.StoreError, match="it exists"):
        store.put_record("shop/x/manifest.json", b"first")


def test_upload_whose_answer_was_lost_is_open_once(s3_bed: S3Bed, proxy: FaultProxy) -> None:
    store = s3_bed.open(s3_bed.server.connection(endpoint_url=proxy.url), retries=2)
    proxy.fail("lose_answer", method="POST")
    opened = store.begin_upload(ARTIFACT)
    assert [fault.kind for fault in proxy.log] == ["lose_answer"]
    assert s3_bed.store.list_uploads("") == [opened]


def test_commit_whose_answer_was_lost_is_done(s3_bed: S3Bed, proxy: FaultProxy) -> None:
    store = s3_bed.open(s3_bed.server.connection(endpoint_url=proxy.url), retries=2)
    pieces = make_pieces()
    opened, parts = upload(s3_bed.store, ARTIFACT, pieces)
    proxy.fail("lose_answer", method="POST")
    store.commit_upload(opened, parts)
    assert [fault.kind for fault in proxy.log] == ["lose_answer"]
    assert s3_bed.store.read_start(ARTIFACT, 1 << 20) == b"".join(pieces)
    assert store.list_uploads("") == []


def test_record_that_came_in_half_is_read_again(s3_bed: S3Bed, proxy: FaultProxy) -> None:
    s3_bed.store.put_record("shop/x/manifest.json", b"x" * 10000)
    proxy.fail("cut_answer", method="GET", times=3)
    connection = s3_bed.server.connection(endpoint_url=proxy.url)
    with pytest.raises(errors.StoreError, match="can't be reached"):
        s3_bed.open(connection, retries=1).get_record("shop/x/manifest.json")
    assert s3_bed.open(connection, retries=1).get_record("shop/x/manifest.json") == b"x" * 10000


def test_of_several_writers_of_one_record_exactly_one_wins(moto_bed: S3Bed) -> None:
    stores = [moto_bed.open() for _ in range(4)]
    barrier = threading.Barrier(len(stores))
    won: list[tuple[str, bytes]] = []

    def write(store: S3Store, number: int) -> None:
        for record in range(10):
            key, content = f"shop/{record}/manifest.json", b"of writer %d" % number
            barrier.wait()
            with contextlib.suppress(errors.StoreError):
                store.put_record(key, content)
                won.append((key, content))

    threads = [threading.Thread(target=write, args=(store, number)) for number, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [
        (stored.key, moto_bed.store.get_record(stored.key)) for stored in moto_bed.store.list_objects("shop")
    ]
    assert len(won) == 10
