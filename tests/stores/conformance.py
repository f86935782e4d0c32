"""What every store promises (`include/proven/stores/contract.py`), tried on the real server.

A store's test module subclasses `StoreConformance` and gives it a `bed`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from typing import Protocol

import pytest
import requests

from include.proven import errors
from include.proven.manifest import Part
from include.proven.stores.contract import SignedRequest, Store, StoredObject, Upload, locate

PART_BYTES = 64 * 1024
ARTIFACT = "shop/20261121T043512Z-full-7f3a9c01/dump.sql.zst.gpg"


class StoreBed(Protocol):
    """A store with a server behind it that tests may look into and damage."""

    store: Store
    short_lived: Store
    """The same store; its pre-signed requests live for one second."""
    wrong_credentials: Store
    fail_to_connect: Store

    def everything(self) -> list[str]:
        """List all that the server holds for this store, parts included."""

    def remove_part(self, key: str, number: int) -> None:
        """Delete a part behind the store's back."""

    def overwrite_part(self, key: str, number: int, content: bytes) -> None:
        """Overwrite a part behind the store's back."""

    def for_stranger(self, url: str) -> str:
        """Return the same pre-signed URL, pointed at the same name in another account."""


def describe(number: int, content: bytes) -> Part:
    """Return the part as the agent reports it."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Part(number=number, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=md5)


def send(request: SignedRequest, content: bytes, *, method: str = "") -> requests.Response:
    """Make a pre-signed request as the agent does."""
    return requests.request(method or request.method, request.url, data=content, headers=request.headers, timeout=30)


def fetch(request: SignedRequest, span: str = "") -> bytes:
    """Read a pre-signed GET, whole or a range of it."""
    headers = dict(request.headers) | ({"Range": f"bytes={span}"} if span else {})
    answer = requests.get(request.url, headers=headers, timeout=30)
    assert answer.status_code == (206 if span else 200), answer.text
    return answer.content


def cut(content: bytes) -> list[bytes]:
    """Cut content into parts, at least one."""
    return [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)] or [b""]


def upload(store: Store, key: str, pieces: Sequence[bytes]) -> tuple[Upload, list[Part]]:
    """Upload without committing; return the upload and what the agent would report."""
    opened = store.begin_upload(key)
    parts = [describe(number, piece) for number, piece in enumerate(pieces, 1)]
    for request, piece in zip(store.presign_parts(opened, locate(parts)), pieces, strict=True):
        answer = send(request, piece)
        assert answer.status_code in {200, 201}, answer.text
    return opened, parts


def sign_one(store: Store, content: bytes) -> SignedRequest:
    """Open an upload and return the PUT of its first part."""
    return store.presign_parts(store.begin_upload(ARTIFACT), locate([describe(1, content)]))[0]


def store_artifact(store: Store, key: str, content: bytes) -> None:
    """Upload and commit."""
    store.commit_upload(*upload(store, key, cut(content)))


class StoreConformance:
    """The promises. A fixture `bed` of the subclass gives a store that nothing was written to."""

    @pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 5 * PART_BYTES + 17])
    def test_artifact_of_any_size_comes_back_as_it_went(self, bed: StoreBed, size: int) -> None:
        content = os.urandom(size)
        store_artifact(bed.store, ARTIFACT, content)
        assert fetch(bed.store.presign_get(ARTIFACT)) == content
        assert bed.store.read_start(ARTIFACT, 4096) == content[:4096]
        assert list(bed.store.list_objects("")) == [StoredObject(ARTIFACT, size)]

    def test_artifact_without_any_part_is_an_empty_object(self, bed: StoreBed) -> None:
        bed.store.commit_upload(bed.store.begin_upload(ARTIFACT), [])
        assert list(bed.store.list_objects("shop")) == [StoredObject(ARTIFACT, 0)]

    def test_ranges_reach_over_parts(self, bed: StoreBed) -> None:
        content = os.urandom(3 * PART_BYTES)
        store_artifact(bed.store, ARTIFACT, content)
        start, end = PART_BYTES - 10, 2 * PART_BYTES + 10
        assert fetch(bed.store.presign_get(ARTIFACT), f"{start}-{end}") == content[start : end + 1]

    def test_nothing_is_visible_before_the_commit(self, bed: StoreBed) -> None:
        upload(bed.store, ARTIFACT, [b"one", b"two"])
        assert list(bed.store.list_objects("")) == []
        assert bed.store.list_folders("") == []
        with pytest.raises(errors.IntegrityError, match="missing"):
            bed.store.presign_get(ARTIFACT)

    def test_uncommitted_uploads_are_found(self, bed: StoreBed) -> None:
        upload(bed.store, ARTIFACT, [b"one"])
        store_artifact(bed.store, "shop/other/dump", b"two")
        assert bed.store.list_uploads("shop") == [Upload(ARTIFACT)]
        assert bed.store.list_uploads("sho") == []

    def test_aborted_upload_leaves_nothing(self, bed: StoreBed) -> None:
        before = bed.everything()
        opened, _ = upload(bed.store, ARTIFACT, [b"one", b"two"])
        assert bed.everything() != before
        bed.store.abort_upload(opened)
        assert bed.everything() == before
        bed.store.abort_upload(opened)

    def test_missing_part_is_refused_by_its_number(self, bed: StoreBed) -> None:
        opened, parts = upload(bed.store, ARTIFACT, [b"one", b"two", b"three"])
        bed.remove_part(ARTIFACT, 2)
        with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: part 2 is not in the store"):
            bed.store.commit_upload(opened, parts)
        assert list(bed.store.list_objects("")) == []

    @pytest.mark.parametrize("content", [b"owt", b"two and more"], ids=["same size", "other size"])
    def test_overwritten_part_is_refused_by_its_number(self, bed: StoreBed, content: bytes) -> None:
        opened, parts = upload(bed.store, ARTIFACT, [b"one", b"two", b"three"])
        bed.overwrite_part(ARTIFACT, 2, content)
        with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: part 2 is not what was sent"):
            bed.store.commit_upload(opened, parts)
        assert list(bed.store.list_objects("")) == []

    def test_part_that_nobody_reported_is_refused(self, bed: StoreBed) -> None:
        opened, parts = upload(bed.store, ARTIFACT, [b"one", b"two", b"three"])
        with pytest.raises(errors.IntegrityError, match="00000003"):
            bed.store.commit_upload(opened, parts[:2])

    def test_part_lost_after_the_commit_is_noticed(self, bed: StoreBed) -> None:
        store_artifact(bed.store, ARTIFACT, b"x" * (2 * PART_BYTES))
        bed.remove_part(ARTIFACT, 1)
        with pytest.raises(errors.IntegrityError, match="lost a part"):
            bed.store.read_start(ARTIFACT, 100)

    def test_part_damaged_on_the_way_is_refused_by_the_store(self, bed: StoreBed) -> None:
        request = sign_one(bed.store, b"whole!!")
        assert send(request, b"damaged").status_code in {400, 422}
        assert bed.store.list_uploads("") == []

    def test_artifact_is_written_once(self, bed: StoreBed) -> None:
        store_artifact(bed.store, ARTIFACT, b"first")
        with pytest.raises(errors.StoreError, match="exists"):
            bed.store.begin_upload(ARTIFACT)

    def test_two_uploads_of_one_key_are_refused(self, bed: StoreBed) -> None:
        upload(bed.store, ARTIFACT, [b"first"])
        with pytest.raises(errors.StoreError, match="exists"):
            bed.store.begin_upload(ARTIFACT)

    def test_record_is_written_once(self, bed: StoreBed) -> None:
        bed.store.put_record("shop/x/manifest.json", b"first")
        for content in (b"second", b"first"):
            with pytest.raises(errors.StoreError, match=r"shop/x/manifest\.json: it exists"):
                bed.store.put_record("shop/x/manifest.json", content)
        assert bed.store.get_record("shop/x/manifest.json") == b"first"

    def test_missing_record_is_a_key_error(self, bed: StoreBed) -> None:
        bed.store.put_record("shop/x/manifest.json", b"{}")
        with pytest.raises(KeyError):
            bed.store.get_record("shop/x/manifest")

    def test_deleted_record_is_gone(self, bed: StoreBed) -> None:
        bed.store.put_record("shop/pages/a.json", b"{}")
        bed.store.delete_record("shop/pages/a.json")
        bed.store.delete_record("shop/pages/a.json")
        assert list(bed.store.list_objects("")) == []

    def test_names_are_matched_exactly(self, bed: StoreBed) -> None:
        for database in ("ods", "ods_easy", "ods-2", "od"):
            store_artifact(bed.store, f"{database}/20260101T000000Z-full-00000000/dump", b"x" * 10)
            upload(bed.store, f"{database}/20260101T000000Z-full-00000001/dump", [b"x"])
        assert [stored.key.split("/")[0] for stored in bed.store.list_objects("ods")] == ["ods"]
        assert [opened.key.split("/")[0] for opened in bed.store.list_uploads("ods")] == ["ods"]
        assert bed.store.list_folders("") == ["od", "ods", "ods-2", "ods_easy"]
        assert bed.store.delete_folder("ods") == 3
        assert bed.store.list_folders("") == ["od", "ods-2", "ods_easy"]
        assert len(bed.store.list_uploads("")) == 3

    def test_listing_is_sorted_and_shows_no_parts(self, bed: StoreBed) -> None:
        keys = sorted(f"shop/{name}/dump" for name in ("b", "a", "C", "é", "0"))
        for key in reversed(keys):
            store_artifact(bed.store, key, b"x" * (PART_BYTES + 1))
        assert [stored.key for stored in bed.store.list_objects("shop")] == keys
        assert bed.store.list_folders("shop") == [key.split("/")[1] for key in keys]

    def test_folder_goes_with_all_parts(self, bed: StoreBed) -> None:
        before = bed.everything()
        store_artifact(bed.store, "shop/x/dump", b"x" * (2 * PART_BYTES))
        upload(bed.store, "shop/x/accounts", [b"x"])
        bed.store.put_record("shop/x/manifest.json", b"{}")
        assert bed.store.delete_folder("shop/x") == 5
        assert bed.everything() == before

    @pytest.mark.parametrize("folder", ["", "/"])
    def test_whole_store_is_never_deleted(self, bed: StoreBed, folder: str) -> None:
        bed.store.put_record("shop/x/manifest.json", b"{}")
        with pytest.raises(ValueError, match="whole"):
            bed.store.delete_folder(folder)
        assert bed.store.list_folders("") == ["shop"]

    def test_odd_names_survive(self, bed: StoreBed) -> None:
        key = "bücher/名前 %41+?#&=/dump 🦀.gpg"
        store_artifact(bed.store, key, b"x" * (PART_BYTES + 5))
        bed.store.put_record(f"{key}.json", b"{}")
        assert fetch(bed.store.presign_get(key)) == b"x" * (PART_BYTES + 5)
        assert [stored.key for stored in bed.store.list_objects("bücher")] == [key, f"{key}.json"]
        assert bed.store.get_record(f"{key}.json") == b"{}"
        assert bed.store.delete_folder("bücher") == 4

    def test_signed_put_opens_one_part_to_one_method(self, bed: StoreBed) -> None:
        request = sign_one(bed.store, b"x")
        other = SignedRequest("PUT", request.url.replace("00000001", "00000002"), request.headers)
        assert other.url != request.url
        for refused in (send(other, b"x"), send(request, b"", method="GET"), send(request, b"", method="DELETE")):
            assert refused.status_code in {401, 403}
        assert send(request, b"x").status_code in {200, 201}

    def test_signed_get_opens_one_object_to_reading(self, bed: StoreBed) -> None:
        store_artifact(bed.store, ARTIFACT, b"x")
        bed.store.put_record("shop/other", b"y")
        request = bed.store.presign_get(ARTIFACT)
        other = SignedRequest("GET", request.url.replace(ARTIFACT, "shop/other"), request.headers)
        assert other.url != request.url
        for refused in (send(other, b""), send(request, b"z", method="PUT"), send(request, b"", method="DELETE")):
            assert refused.status_code in {401, 403}
        assert fetch(request) == b"x"

    def test_signed_request_opens_no_other_account(self, bed: StoreBed) -> None:
        store_artifact(bed.store, ARTIFACT, b"x")
        url = bed.for_stranger(bed.store.presign_get(ARTIFACT).url)
        assert requests.get(url, timeout=30).status_code in {401, 403}

    def test_signed_request_expires(self, bed: StoreBed) -> None:
        request = sign_one(bed.short_lived, b"x")
        time.sleep(2.1)
        assert send(request, b"x").status_code in {401, 403}

    def test_signed_request_does_not_show_itself(self, bed: StoreBed) -> None:
        request = sign_one(bed.store, b"x")
        assert "http" not in repr(request)

    def test_check_leaves_nothing(self, bed: StoreBed) -> None:
        before = bed.everything()
        bed.store.check()
        assert bed.everything() == before

    def test_wrong_credentials_are_named(self, bed: StoreBed) -> None:
        for action in (bed.wrong_credentials.check, lambda: list(bed.wrong_credentials.list_objects(""))):
            with pytest.raises(errors.StoreError, match="401") as caught:
                action()
            assert "credentials" in caught.value.hint

    def test_dead_server_is_named(self, bed: StoreBed) -> None:
        with pytest.raises(errors.StoreError, match="can't be reached"):
            bed.fail_to_connect.check()
