"""What every store promises (`include/proven/stores/contract.py`), tried on the real server.

A store's test module subclasses `StoreConformance` and gives it a fixture `bed` (`beds.StoreBed`). What is sent and read goes
through the agent's own code (`agent_side.py`); what a stranger tries goes through plain HTTP (`signatures.py`).
"""

from __future__ import annotations

import datetime
import hashlib
import os

import pytest

from include.proven import errors
from include.proven.stores.contract import StoredObject, locate
from include.proven.stores.directory import DirectoryStore
from tests.stores import agent_side
from tests.stores.beds import StoreBed, require
from tests.stores.damage import DamagePromises, flip_bit
from tests.stores.signatures import SignaturePromises
from tests.stores.uploading import (
    ARTIFACT,
    PART_BYTES,
    cut,
    describe_all,
    fetch,
    make_pieces,
    send_pieces,
    store_artifact,
    store_pieces,
    upload,
)

__all__ = ["ARTIFACT", "PART_BYTES", "StoreConformance", "fetch", "store_artifact", "upload"]

LARGE = 300 * 1024 * 1024
LARGE_PARTS = 16 * 1024 * 1024
MOST_MEMORY = 160 * 1024 * 1024
"""What five buffers of 16 MiB and the rest of a transfer may take of it; a whole artifact would need twice as much."""
CLOCKS = datetime.timedelta(seconds=5)
"""Servers write whole seconds, and by their own clock."""
SIZES = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 5 * PART_BYTES + 17]


def is_now(moment: datetime.datetime | None) -> bool:
    """Say whether that was a moment ago, in a time zone that is known."""
    return moment is not None and abs(datetime.datetime.now(datetime.UTC) - moment) < CLOCKS


class ArtifactPromises:
    """Artifacts come back as they went, once committed, and are written once."""

    @pytest.mark.parametrize("size", SIZES)
    def test_artifact_of_any_size_comes_back_as_it_went(self, bed: StoreBed, size: int) -> None:
        content = os.urandom(size)
        store_artifact(bed.store, ARTIFACT, content)
        assert agent_side.receive(bed.store.presign_get(ARTIFACT), size) == content
        assert bed.store.read_start(ARTIFACT, 4096) == content[:4096]
        assert list(bed.store.list_objects("")) == [StoredObject(ARTIFACT, size)]

    def test_large_artifact_goes_and_comes_in_bounded_memory(self, bed: StoreBed) -> None:
        noise = agent_side.Noise(LARGE)
        opened = bed.store.begin_upload(ARTIFACT)
        try:
            with agent_side.peak_memory() as sending:
                parts = agent_side.send_stream(bed.store, opened, noise, part_bytes=LARGE_PARTS)
                bed.store.commit_upload(opened, parts)
            assert list(bed.store.list_objects("")) == [StoredObject(ARTIFACT, LARGE)]
            with agent_side.peak_memory() as receiving:
                assert agent_side.download(bed.store, ARTIFACT, parts, noise.sha256()) == noise.sha256()
        finally:
            bed.store.delete_folder("shop")  # nobody needs it any more, and the servers' disks are small
        assert max(sending + receiving) < MOST_MEMORY

    def test_parts_may_grow(self, bed: StoreBed) -> None:
        pieces = [os.urandom(PART_BYTES << number // 2) for number in range(6)] + [b"end"]
        parts = store_pieces(bed.store, ARTIFACT, pieces)
        content = b"".join(pieces)
        assert agent_side.receive(bed.store.presign_get(ARTIFACT), len(content)) == content
        last_but_one = locate(parts)[5]
        request = bed.store.presign_get(ARTIFACT)
        assert agent_side.receive(request, len(content), last_but_one.offset, last_but_one.bytes) == pieces[5]

    def test_artifact_without_any_part_is_an_empty_object(self, bed: StoreBed) -> None:
        bed.store.commit_upload(bed.store.begin_upload(ARTIFACT), [])
        assert list(bed.store.list_objects("shop")) == [StoredObject(ARTIFACT, 0)]
        assert bed.store.list_uploads("") == []

    def test_ranges_reach_over_parts(self, bed: StoreBed) -> None:
        content = os.urandom(3 * PART_BYTES)
        store_artifact(bed.store, ARTIFACT, content)
        start, count = PART_BYTES - 10, PART_BYTES + 20
        received = agent_side.receive(bed.store.presign_get(ARTIFACT), len(content), start, count)
        assert received == content[start : start + count]

    def test_nothing_is_visible_before_the_commit(self, bed: StoreBed) -> None:
        upload(bed.store, ARTIFACT, make_pieces())
        assert list(bed.store.list_objects("")) == []
        assert bed.store.list_folders("") == []
        for read in (bed.store.presign_get, lambda key: bed.store.read_start(key, 1)):
            with pytest.raises(errors.IntegrityError, match="missing"):
                read(ARTIFACT)

    def test_artifact_is_written_once(self, bed: StoreBed) -> None:
        store_artifact(bed.store, ARTIFACT, b"first")
        for again in (bed.store.begin_upload, bed.store.resume_upload):
            with pytest.raises(errors.StoreError, match="exists"):
                again(ARTIFACT)
        assert bed.store.read_start(ARTIFACT, 100) == b"first"

    def test_two_uploads_of_one_key_are_refused(self, bed: StoreBed) -> None:
        upload(bed.store, ARTIFACT, [b"first"])
        with pytest.raises(errors.StoreError, match="exists"):
            bed.store.begin_upload(ARTIFACT)


class UploadPromises:
    """An upload is found, continued, or goes without a trace."""

    def test_uncommitted_uploads_are_found(self, bed: StoreBed) -> None:
        upload(bed.store, ARTIFACT, [b"one"])
        store_artifact(bed.store, "shop/other/dump", b"two")
        found = bed.store.list_uploads("shop")
        assert [opened.key for opened in found] == [ARTIFACT]
        assert is_now(found[0].touched_at)
        assert bed.store.list_uploads("sho") == []
        bed.store.abort_upload(found[0])
        assert bed.store.list_uploads("") == []

    def test_aborted_upload_leaves_nothing(self, bed: StoreBed) -> None:
        before = bed.everything()
        opened, _ = upload(bed.store, ARTIFACT, make_pieces())
        assert bed.everything() != before
        bed.store.abort_upload(opened)
        assert bed.everything() == before
        bed.store.abort_upload(opened)
        store_artifact(bed.store, ARTIFACT, b"again")

    def test_upload_is_continued_with_what_is_there(self, bed: StoreBed) -> None:
        pieces = make_pieces(4)
        send_pieces(bed.store, bed.store.begin_upload(ARTIFACT), pieces, only=[1, 3])
        resumed = bed.store.resume_upload(ARTIFACT)
        parts = describe_all(pieces)
        assert bed.store.find_parts(resumed, locate(parts)) == {1, 3}
        assert bed.store.find_parts(resumed, locate(parts)[1:2]) == set()
        send_pieces(bed.store, resumed, pieces, only=[2, 4])
        assert bed.store.find_parts(resumed, locate(parts)) == {1, 2, 3, 4}
        bed.store.commit_upload(resumed, parts)
        content = b"".join(pieces)
        assert agent_side.receive(bed.store.presign_get(ARTIFACT), len(content)) == content

    def test_damaged_part_is_not_taken_for_sent_and_may_be_sent_again(self, bed: StoreBed) -> None:
        pieces = make_pieces()
        opened, parts = upload(bed.store, ARTIFACT, pieces)
        second, third = locate(parts)[1:]
        bed.overwrite_part(opened, second, flip_bit(pieces[1]))
        bed.overwrite_part(opened, third, pieces[2][:-1])
        resumed = bed.store.resume_upload(ARTIFACT)
        assert bed.store.find_parts(resumed, locate(parts)) == {1}
        send_pieces(bed.store, resumed, pieces, only=[2, 3])
        bed.store.commit_upload(resumed, parts)
        content = b"".join(pieces)
        assert agent_side.receive(bed.store.presign_get(ARTIFACT), len(content)) == content

    def test_resuming_what_was_never_begun_begins_it(self, bed: StoreBed) -> None:
        opened = bed.store.resume_upload(ARTIFACT)
        parts = describe_all([b"one"])
        assert bed.store.find_parts(opened, locate(parts)) == set()
        send_pieces(bed.store, opened, [b"one"])
        bed.store.commit_upload(opened, parts)
        assert bed.store.read_start(ARTIFACT, 100) == b"one"

    def test_folder_goes_with_all_parts(self, bed: StoreBed) -> None:
        before = bed.everything()
        store_artifact(bed.store, "shop/x/dump", b"x" * (2 * PART_BYTES))
        upload(bed.store, "shop/x/accounts", [b"x"])
        bed.store.put_record("shop/x/manifest.json", b"{}")
        assert bed.store.delete_folder("shop/x") >= 3
        assert bed.everything() == before
        assert bed.store.delete_folder("shop/x") == 0

    def test_one_artifact_goes_with_its_parts_and_leaves_its_neighbours(self, bed: StoreBed) -> None:
        store_artifact(bed.store, "shop/x/rows.2", b"y" * (2 * PART_BYTES))
        before = bed.everything()
        store_artifact(bed.store, "shop/x/rows", b"x" * (2 * PART_BYTES))
        for _ in range(2):
            bed.store.delete_artifact("shop/x/rows")
            assert bed.everything() == before


class RecordPromises:
    """Records are small, and written once."""

    @pytest.mark.parametrize("keep", [False, True])
    @pytest.mark.parametrize("size", [0, 1, 1 << 20])
    def test_record_comes_back_as_it_went(self, bed: StoreBed, size: int, keep: bool) -> None:
        content = os.urandom(size)
        bed.store.put_record("shop/x/manifest.json", content, keep=keep)
        assert bed.store.get_record("shop/x/manifest.json") == content
        listed = list(bed.store.list_objects("shop"))
        assert listed == [StoredObject("shop/x/manifest.json", size)]
        assert is_now(listed[0].modified_at)

    def test_record_is_written_once(self, bed: StoreBed) -> None:
        bed.store.put_record("shop/x/manifest.json", b"first")
        for content in (b"second", b"first"):
            with pytest.raises(errors.StoreError, match=r"shop/x/manifest\.json: it exists"):
                bed.store.put_record("shop/x/manifest.json", content)
        assert bed.store.get_record("shop/x/manifest.json") == b"first"

    def test_missing_record_is_a_key_error(self, bed: StoreBed) -> None:
        bed.store.put_record("shop/x/manifest.json", b"{}")
        for key in ("shop/x/manifest", "shop/x", "shop/x/manifest.json/x"):
            with pytest.raises(KeyError):
                bed.store.get_record(key)

    def test_deleted_record_is_gone(self, bed: StoreBed) -> None:
        bed.store.put_record("shop/pages/a.json", b"{}")
        bed.store.delete_record("shop/pages/a.json")
        bed.store.delete_record("shop/pages/a.json")
        assert list(bed.store.list_objects("")) == []
        bed.store.put_record("shop/pages/a.json", b"again")


class ListingPromises:
    """What is there is listed exactly."""

    def test_names_are_matched_exactly(self, bed: StoreBed) -> None:
        for database in ("ods", "ods_easy", "ods-2", "od"):
            store_artifact(bed.store, f"{database}/20260101T000000Z-full-00000000/dump", b"x" * 10)
            upload(bed.store, f"{database}/20260101T000000Z-full-00000001/dump", [b"x"])
        assert [stored.key.split("/")[0] for stored in bed.store.list_objects("ods")] == ["ods"]
        assert [opened.key.split("/")[0] for opened in bed.store.list_uploads("ods")] == ["ods"]
        assert bed.store.list_folders("") == ["od", "ods", "ods-2", "ods_easy"]
        assert bed.store.delete_folder("ods") >= 2
        assert bed.store.list_folders("") == ["od", "ods-2", "ods_easy"]
        assert [opened.key.split("/")[0] for opened in bed.store.list_uploads("")] == ["od", "ods-2", "ods_easy"]

    def test_listing_is_sorted_and_shows_no_parts(self, bed: StoreBed) -> None:
        keys = sorted(f"shop/{name}" for name in ("b/dump", "a/dump", "a-b/dump", "a.json", "C/dump", "é/dump", "0/dump"))
        for key in reversed(keys):
            store_artifact(bed.store, key, b"x" * (PART_BYTES + 1))
        assert [stored.key for stored in bed.store.list_objects("shop")] == keys
        assert bed.store.list_folders("shop") == ["0", "C", "a", "a-b", "b", "é"]
        assert [stored.key for stored in bed.store.list_objects("shop/a")] == ["shop/a/dump"]
        assert list(bed.store.list_objects("nothing/here")) == []
        assert bed.store.list_folders("nothing/here") == []

    def test_listing_goes_backwards_too(self, bed: StoreBed) -> None:
        keys = sorted(f"shop/{name}" for name in ("a/dump", "a-b/dump", "a.json", "b/c/dump", "pages/x", *map(str, range(30))))
        for key in [*keys, "shop_2/a/dump"]:
            bed.store.put_record(key, b"{}")
        assert [stored.key for stored in bed.store.list_backwards("shop", "shop0")] == keys[::-1]
        before = [stored.key for stored in bed.store.list_backwards("shop", "shop/b/c/dump")]
        assert before == [key for key in keys[::-1] if key < "shop/b/c/dump"]
        assert next(iter(bed.store.list_backwards("shop", "shop/a/e"))) == StoredObject("shop/a/dump", 2)
        assert list(bed.store.list_backwards("nothing", "nothing0")) == []

    def test_listing_of_many_folders_begins_and_ends_between_keys(self, bed: StoreBed) -> None:
        keys = sorted(["crm/x/dump", "shop/a/dump", "shop/b", "shop_2/a", "web/x"])
        for key in keys:
            bed.store.put_record(key, key.encode())
        assert [stored.key for stored in bed.store.list_range("crm/x/dump", "web/x")] == keys[1:-1]
        assert [stored.key for stored in bed.store.list_range("shop/", "shop0")] == ["shop/a/dump", "shop/b"]
        assert list(bed.store.list_range("x", "y")) == []
        knows = not isinstance(bed.store, DirectoryStore)
        listed = {stored.key: stored.md5 for stored in bed.store.list_range("", "z")}
        assert listed == {key: hashlib.md5(key.encode(), usedforsecurity=False).hexdigest() if knows else "" for key in keys}
        assert bed.store.count_objects() in (None, len(keys))

    @pytest.mark.parametrize("folder", ["", "/"])
    def test_whole_store_is_never_deleted(self, bed: StoreBed, folder: str) -> None:
        bed.store.put_record("shop/x/manifest.json", b"{}")
        with pytest.raises(ValueError, match="whole"):
            bed.store.delete_folder(folder)
        assert bed.store.list_folders("") == ["shop"]

    def test_odd_names_survive(self, bed: StoreBed) -> None:
        key = "bücher/名前 %41+?#&=/dump 🦀.gpg"
        content = os.urandom(PART_BYTES + 5)
        opened, parts = upload(bed.store, key, cut(content))
        assert [found.key for found in bed.store.list_uploads("bücher")] == [key]
        bed.store.commit_upload(opened, parts)
        bed.store.put_record(f"{key}.json", b"{}")
        assert agent_side.receive(bed.store.presign_get(key), len(content)) == content
        assert [stored.key for stored in bed.store.list_objects("bücher")] == [key, f"{key}.json"]
        assert bed.store.list_folders("bücher") == ["名前 %41+?#&="]
        assert bed.store.get_record(f"{key}.json") == b"{}"
        assert bed.store.delete_folder("bücher") >= 2
        assert list(bed.store.list_objects("")) == []


class ReachPromises:
    """Whether a store can be used is found out, and said in words that help."""

    def test_check_leaves_nothing(self, bed: StoreBed) -> None:
        before = bed.everything()
        bed.store.check()
        assert bed.everything() == before

    def test_clock_and_rooms_are_told_and_leave_nothing(self, bed: StoreBed) -> None:
        bed.store.check()
        assert is_now(bed.store.clock())
        assert all(0 <= room.used <= room.capacity and room.limit for room in bed.store.rooms())
        assert bed.everything() == []

    def test_wrong_credentials_are_named(self, bed: StoreBed) -> None:
        require(bed, "credentials")
        for action in (bed.wrong_credentials.check, lambda: list(bed.wrong_credentials.list_objects(""))):
            with pytest.raises(errors.StoreError, match=r"40[13]") as caught:
                action()
            assert "credentials" in caught.value.hint

    def test_dead_server_is_named(self, bed: StoreBed) -> None:
        require(bed, "network")
        with pytest.raises(errors.StoreError, match="can't be reached"):
            bed.fail_to_connect.check()


class StoreConformance(
    ArtifactPromises, UploadPromises, RecordPromises, ListingPromises, SignaturePromises, DamagePromises, ReachPromises
):
    """The promises. A fixture `bed` of the subclass gives a store that nothing was written to."""
