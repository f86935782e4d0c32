"""The directory store, on real disks."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NoReturn

import pydantic
import pytest

from include.proven import backup, errors, restore
from include.proven.fleet import model
from include.proven.stores import disk, open_store
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store, Upload, locate
from include.proven.stores.directory import DirectoryStore
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet
from tests.stores import agent_side
from tests.stores.beds import Ability
from tests.stores.conformance import ARTIFACT, StoreConformance
from tests.stores.damage import flip_bit
from tests.stores.uploading import describe, describe_all, make_pieces, store_artifact, upload


@dataclasses.dataclass
class DirectoryBed:
    """A directory of the test's own."""

    path: pathlib.Path
    lacks: ClassVar[Mapping[Ability, str]] = {
        "signatures": "a file: URL is a path, and whoever may write the file needs no signature",
        "accounts": "a directory has one owner",
        "credentials": "nobody logs in to a directory",
        "network": "there is no server that could be dead",
        "pieces": "an object is one file",
    }

    def __post_init__(self) -> None:
        self.store: Store = open_directory(self.path)

    @property
    def objects(self) -> pathlib.Path:
        return self.path / "backups"

    def everything(self) -> list[str]:
        return sorted(str(path.relative_to(self.objects)) for path in self.objects.rglob("*"))

    def overwrite_part(self, upload: Upload, part: OutgoingPart, content: bytes) -> None:
        path = self.objects / ".uploads" / upload.key
        before = path.read_bytes()
        after = before[part.offset + part.bytes :]
        path.write_bytes(before[: part.offset] + content + after)

    def replace_object(self, key: str, pieces: Sequence[bytes]) -> None:
        (self.objects / key).write_bytes(b"".join(pieces))


def open_directory(path: pathlib.Path, prefix: str = "backups") -> DirectoryStore:
    """Open a directory as a store."""
    return DirectoryStore("disk", model.DirectoryStore(kind="directory", path=path, prefix=prefix))


@pytest.fixture
def bed(tmp_path: pathlib.Path) -> DirectoryBed:
    return DirectoryBed(tmp_path)


class TestDirectory(StoreConformance):
    """A directory keeps what every store promises."""


def test_store_opens_from_the_fleet_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "disk").mkdir()
    config = pydantic.TypeAdapter[model.Store](model.Store).validate_python(
        {"kind": "directory", "path": "disk"}, context={"folder": tmp_path}
    )
    store = open_store("mine", config, no_connection)
    store.check()
    store.put_record("shop/a", b"x")
    assert store.name == "mine"
    assert (tmp_path / "disk/shop/a").read_bytes() == b"x"


def no_connection(name: str) -> NoReturn:
    """Fail: a directory has no connection."""
    pytest.fail(f"asked for connection {name}")


def test_restore_of_a_damaged_file_names_the_part(
    mariadb_source: DatabaseServer, make_fleet: MakeFleet, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = tmp_path / "disk", tmp_path / "out"
    path.mkdir()
    fleet = make_fleet(mariadb_source, schemas=[mariadb_source.fresh_schema()])
    fleet.document["stores"]["swift"] = {"kind": "directory", "path": str(path)}
    fleet.write()
    installation = fleet.open(monkeypatch)
    manifest = backup.take_backup(installation, "shop", backup.new_id()).manifest
    assert len(restore.write_sql(installation, manifest, out / "whole", store="swift")) == 3
    dump = path / f"shop/{manifest.recovery_point}/dump.sql.zst.gpg"
    content = dump.read_bytes()
    dump.write_bytes(content[:-100] + flip_bit(content[-100:]))
    with pytest.raises(errors.IntegrityError, match=r"dump\.sql\.zst\.gpg part 1 from swift: checksum mismatch"):
        restore.write_sql(installation, manifest, out / "damaged", store="swift")


def test_layout_is_the_documented_one(bed: DirectoryBed) -> None:
    opened, parts = upload(bed.store, "shop/x/dump.gpg", [b"one", b"two"])
    assert (bed.objects / ".uploads/shop/x/dump.gpg").read_bytes() == b"onetwo"
    bed.store.commit_upload(opened, parts)
    assert bed.everything() == ["shop", "shop/x", "shop/x/dump.gpg"]
    assert (bed.objects / "shop/x/dump.gpg").read_bytes() == b"onetwo"


def test_only_the_owner_may_look(bed: DirectoryBed) -> None:
    old = os.umask(0)
    try:
        upload(bed.store, ARTIFACT, [b"one"])
        store_artifact(bed.store, "shop/x/dump", b"two")
        bed.store.put_record("shop/x/manifest.json", b"{}")
    finally:
        os.umask(old)
    for path in [bed.objects, *bed.objects.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_agent_is_told_the_file_and_the_place_in_it(bed: DirectoryBed) -> None:
    opened = bed.store.begin_upload("shop/a b?%#/dümp")
    first, second = bed.store.presign_parts(opened, locate(describe_all([b"one", b"twenty"])))
    assert first.url == second.url == f"file://{bed.objects}/.uploads/shop/a%20b%3F%25%23/d%C3%BCmp"
    assert (first.headers, second.headers) == ({"Content-Range": "bytes 0-2/*"}, {"Content-Range": "bytes 3-8/*"})


def test_body_that_is_not_the_parts_is_found_at_the_commit(bed: DirectoryBed) -> None:
    opened = bed.store.begin_upload(ARTIFACT)
    part = describe(1, b"whole!!")
    agent_side.send_part(bed.store.presign_parts(opened, locate([part]))[0], b"damaged")
    with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: part 1 is not what was sent"):
        bed.store.commit_upload(opened, [part])


def test_part_of_zeros_is_a_part(bed: DirectoryBed) -> None:
    store_artifact(bed.store, ARTIFACT, bytes(200_000))
    assert bed.store.read_start(ARTIFACT, 10) == bytes(10)


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "shop/../../x", "shop//x", "shop/./x", "shop/", "a\0b", ".uploads/x"]
)
def test_no_key_leaves_the_directory(bed: DirectoryBed, key: str) -> None:
    for action in (
        lambda: bed.store.begin_upload(key),
        lambda: bed.store.put_record(key, b"x"),
        lambda: bed.store.get_record(key),
        lambda: bed.store.delete_record(key),
        lambda: bed.store.presign_get(key),
        lambda: bed.store.presign_parts(Upload(key), []),
    ):
        with pytest.raises(ValueError, match="can't be the name"):
            action()


@pytest.mark.parametrize("folder", ["..", "shop/../..", ".uploads"])
def test_no_folder_leaves_the_directory(bed: DirectoryBed, folder: str) -> None:
    for action in (bed.store.delete_folder, bed.store.list_folders, bed.store.list_uploads):
        with pytest.raises(ValueError, match="can't be the name"):
            action(folder)


def test_link_that_leads_out_is_refused(bed: DirectoryBed, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "precious").write_bytes(b"x")
    bed.store.put_record("shop/a", b"x")
    (bed.objects / "link").symlink_to(outside)
    for action in (
        lambda: bed.store.get_record("link/precious"),
        lambda: bed.store.put_record("link/new", b"x"),
        lambda: bed.store.delete_record("link/precious"),
        lambda: bed.store.delete_folder("link"),
    ):
        with pytest.raises(errors.StoreError, match="leads out of"):
            action()
    assert [stored.key for stored in bed.store.list_objects("")] == ["shop/a"]
    assert list(outside.iterdir()) == [outside / "precious"]


def test_prefix_that_leads_out_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ConfigError, match="leads out"):
        open_directory(tmp_path, "a/../../b")


def test_name_that_is_too_long_is_named(bed: DirectoryBed) -> None:
    bed.store.put_record(f"shop/{'x' * 255}", b"longest")
    with pytest.raises(errors.StoreError, match="file name too long") as caught:
        bed.store.put_record(f"shop/{'x' * 256}", b"x")
    assert "255 bytes" in caught.value.hint


def test_file_where_a_folder_should_be_is_named(bed: DirectoryBed) -> None:
    bed.store.put_record("shop", b"x")
    with pytest.raises(errors.StoreError, match="not a directory") as caught:
        bed.store.put_record("shop/a", b"x")
    assert "is a file" in caught.value.hint


@pytest.mark.failure("E3")
def test_of_two_that_write_one_name_one_wins(bed: DirectoryBed) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        barrier.wait()
        try:
            bed.store.put_record("shop/x/manifest.json", b"%d" % number)
        except errors.StoreError as error:
            outcomes.append(error.what)
        else:
            outcomes.append(f"wrote {number}")

    run_all([lambda number=number: write(number) for number in range(8)])  # type: ignore[misc] # a default argument
    winners = [outcome for outcome in outcomes if outcome.startswith("wrote ")]
    assert len(winners) == 1
    assert bed.store.get_record("shop/x/manifest.json") == winners[0].removeprefix("wrote ").encode()
    assert all("it exists" in outcome for outcome in outcomes if outcome not in winners)
    assert bed.everything() == ["shop", "shop/x", "shop/x/manifest.json"]


@pytest.mark.failure("E3")
def test_of_two_that_commit_one_upload_one_wins(bed: DirectoryBed) -> None:
    opened, parts = upload(bed.store, ARTIFACT, make_pieces())
    outcomes: list[str] = []

    def commit() -> None:
        try:
            bed.store.commit_upload(opened, parts)
        except errors.ProvenError as error:
            outcomes.append(error.what)
        else:
            outcomes.append("committed")

    run_all([commit] * 4)
    assert outcomes.count("committed") == 1
    assert [stored.key for stored in bed.store.list_objects("")] == [ARTIFACT]


def test_folders_that_come_and_go_under_a_writers_hands_are_made_again(bed: DirectoryBed) -> None:
    failures: list[str] = []

    def write_and_delete(name: str) -> None:
        try:
            for _ in range(100):
                bed.store.put_record(f"shop/pages/{name}", b"x")
                bed.store.delete_record(f"shop/pages/{name}")
        except Exception:
            failures.append(traceback.format_exc())

    run_all([lambda name=name: write_and_delete(name) for name in "abcd"])  # type: ignore[misc] # a default argument
    assert failures == []
    assert bed.everything() == []


def run_all(actions: Sequence[Callable[[], None]]) -> None:
    """Run all of these at once, and wait for them."""
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_commit_that_was_killed_between_its_two_steps_leaves_the_object_whole(bed: DirectoryBed) -> None:
    upload(bed.store, ARTIFACT, [b"one"])
    target = bed.objects / ARTIFACT
    target.parent.mkdir(parents=True)
    target.hardlink_to(bed.objects / ".uploads" / ARTIFACT)
    with pytest.raises(errors.StoreError, match="exists"):
        bed.store.resume_upload(ARTIFACT)
    for left in bed.store.list_uploads(""):
        bed.store.abort_upload(left)
    assert bed.store.list_uploads("") == []
    assert bed.store.read_start(ARTIFACT, 10) == b"one"


def test_killed_writer_leaves_nothing_visible_and_sweep_finds_the_rest(bed: DirectoryBed) -> None:
    script = (
        "import os, pathlib; from include.proven.stores import disk; from tests.stores.test_directory import open_directory;"
        "disk.move_once = lambda *paths: os.kill(os.getpid(), 9);"
        f"open_directory(pathlib.Path({str(bed.path)!r})).put_record('shop/x/manifest.json', b'half')"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=pathlib.Path(__file__).parents[2], check=False)
    assert done.returncode == -9
    assert list(bed.store.list_objects("")) == []
    left = bed.store.list_uploads("shop/x")
    assert len(left) == 1
    bed.store.abort_upload(left[0])
    assert bed.everything() == []


def test_youngest_part_says_when_an_upload_was_touched(bed: DirectoryBed) -> None:
    opened = bed.store.begin_upload(ARTIFACT)
    os.utime(bed.objects / ".uploads" / ARTIFACT, (0, 0))
    assert touched(bed.store) == 0
    pieces = [b"one", b"two"]
    request = bed.store.presign_parts(opened, locate(describe_all(pieces)))[1]
    agent_side.send_part(request, b"two")
    assert time.time() - touched(bed.store) < 5


def touched(store: Store) -> float:
    """Return when the only upload was touched, in seconds since 1970."""
    (found,) = store.list_uploads("")
    assert found.touched_at
    return found.touched_at.timestamp()


def test_commit_reads_the_disk_and_not_the_memory(bed: DirectoryBed) -> None:
    path = bed.path / "file"
    if subprocess.run(["stat", "-f", "-c", "%T", bed.path], capture_output=True, check=True).stdout == b"tmpfs\n":
        pytest.skip("the test's directory is no disk: it lies in memory")
    descriptor = disk.open_file(path, new=True)
    os.write(descriptor, os.urandom(4 << 20))
    assert pages_in_memory(path) == 1024
    disk.bring_to_disk(descriptor)
    os.close(descriptor)
    assert pages_in_memory(path) == 0


def pages_in_memory(path: pathlib.Path) -> int:
    """Return how many pages of a file the system holds in memory."""
    said = subprocess.run(["fincore", "--noheadings", "--output", "PAGES", path], capture_output=True, text=True, check=True)
    return int(said.stdout)


def test_late_part_of_a_committed_upload_does_not_change_the_object(bed: DirectoryBed) -> None:
    opened, parts = upload(bed.store, ARTIFACT, [b"one"])
    request: SignedRequest = bed.store.presign_parts(opened, locate(parts))[0]
    bed.store.commit_upload(opened, parts)
    with contextlib.suppress(Exception):
        agent_side.send_part(request, b"two")
    assert bed.store.read_start(ARTIFACT, 10) == b"one"
