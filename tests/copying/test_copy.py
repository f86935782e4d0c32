"""A recovery point that was copied is as good as the one it came from, and a copy never spreads damage."""

from __future__ import annotations

import json
import pathlib

import pytest

from include.proven import backup, copying, drill, ids
from include.proven.errors import ConfigError, IntegrityError
from include.proven.installation import Installation
from include.proven.stores.contract import Store
from tests.copying.points import NAME, put_noise
from tests.servers.fleets import FleetFiles

PART = 64 * 1024


def copy(opened: Installation, point: str, source: str, target: str) -> copying.Copied:
    return copying.copy_recovery_point(opened, "shop", point, source=source, target=target)


def flip_byte(path: pathlib.Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def everything(store: Store) -> list[tuple[str, object]]:
    return [(stored.key, stored.modified_at) for stored in store.list_objects("shop")]


@pytest.mark.parametrize(("source", "target"), [("swift", "disk"), ("disk", "swift"), ("swift", "s3"), ("s3", "disk")])
def test_a_copy_is_drilled_to_proven(source: str, target: str, files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    files.document["databases"]["shop"]["stores"] = [source]
    files.write()
    opened = files.open(monkeypatch)
    manifest = backup.take_backup(opened, "shop", backup.new_id()).manifest
    copied = copy(opened, manifest.recovery_point, source, target)
    assert copied.sent_bytes == sum(artifact.bytes for artifact in manifest.artifacts)
    assert copied.held_bytes == 0

    same = [opened.catalog("shop", store).signed_manifest("shop", manifest.recovery_point) for store in (source, target)]
    assert same[0] == same[1]
    asked = drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, target, "local")
    assert drill.run(opened, asked).outcome == "proven"
    assert len(opened.catalog("shop", target).verdicts("shop", manifest.recovery_point)) == 1
    assert opened.catalog("shop", source).verdicts("shop", manifest.recovery_point) == []


def test_verdicts_are_not_copied(opened: Installation) -> None:
    point = backup.take_backup(opened, "shop", backup.new_id()).manifest.recovery_point
    assert drill.run(opened, drill.Drill(ids.new_drill(), "shop", point, "swift", "local")).outcome == "proven"
    copy(opened, point, "swift", "disk")
    assert opened.catalog("shop", "disk").verdicts("shop", point) == []


def test_nothing_is_written_where_all_is_there(opened: Installation) -> None:
    point = backup.take_backup(opened, "shop", backup.new_id()).manifest.recovery_point
    first = copy(opened, point, "swift", "disk")
    before = everything(opened.store("disk"))
    again = copy(opened, point, "swift", "disk")
    assert (again.sent_bytes, again.held_bytes) == (0, first.sent_bytes)
    assert everything(opened.store("disk")) == before


def test_a_flipped_byte_at_the_source_is_refused_by_the_name_of_its_part(opened: Installation, tmp_path: pathlib.Path) -> None:
    manifest = put_noise(opened, "swift", 6 * PART, PART)
    point = manifest.recovery_point
    copy(opened, point, "swift", "disk")
    opened.store("swift").delete_folder(f"shop/{point}")
    flip_byte(tmp_path / "disk" / "shop" / point / NAME, 3 * PART + 17)

    with pytest.raises(IntegrityError, match=rf"{NAME} part 4 from disk: checksum mismatch"):
        copy(opened, point, "disk", "swift")
    assert opened.catalog("shop", "swift").recovery_points("shop") == []
    assert list(opened.store("swift").list_objects("shop")) == []


def test_what_a_damaged_source_could_give_is_not_asked_of_the_next_one(
    files: FleetFiles, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    files.document["stores"]["third"] = {**files.document["stores"]["swift"], "container": f"{files.container}third"}
    files.write()
    opened = files.open(monkeypatch)
    manifest = put_noise(opened, "swift", 24 * PART, PART)
    point = manifest.recovery_point
    copy(opened, point, "swift", "disk")
    flip_byte(tmp_path / "disk" / "shop" / point / NAME, 23 * PART)
    with pytest.raises(IntegrityError, match="part 24"):
        copy(opened, point, "disk", "third")
    copied = copy(opened, point, "swift", "third")
    assert copied.sent_bytes + copied.held_bytes == 24 * PART
    assert copied.held_bytes >= 12 * PART
    assert opened.catalog("shop", "third").manifest("shop", point) == manifest


def test_a_manifest_that_nobody_has_signed_is_not_spread(opened: Installation, tmp_path: pathlib.Path) -> None:
    manifest = put_noise(opened, "disk", PART, PART)
    path = tmp_path / "disk" / "shop" / manifest.recovery_point / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"shop"', b'"shop" ', 1))
    opened.store("swift").check()
    with pytest.raises(IntegrityError, match="can't be trusted"):
        copy(opened, manifest.recovery_point, "disk", "swift")
    assert list(opened.store("swift").list_objects("shop")) == []


def test_an_artifact_of_another_size_is_not_taken_for_a_copy(opened: Installation, tmp_path: pathlib.Path) -> None:
    manifest = put_noise(opened, "swift", PART, PART)
    copy(opened, manifest.recovery_point, "swift", "disk")
    folder = tmp_path / "disk" / "shop" / manifest.recovery_point
    (folder / "manifest.json").unlink()
    (folder / NAME).write_bytes(b"short")
    with pytest.raises(IntegrityError, match=f"{NAME} in store disk has 5 bytes"):
        copy(opened, manifest.recovery_point, "swift", "disk")


def test_a_store_is_not_copied_to_itself(opened: Installation) -> None:
    with pytest.raises(ConfigError, match="to itself"):
        copy(opened, backup.new_id(), "swift", "swift")


def test_the_command_brings_every_store_what_it_lacks(files: FleetFiles) -> None:
    assert files.run("backup", "shop").returncode == 0
    files.document["databases"]["shop"]["stores"] = ["swift", "disk"]
    files.write()
    done = files.run("copy", "shop", "--json")
    assert done.returncode == 0, done.stderr
    (copied,) = json.loads(done.stdout)
    assert (copied["source"], copied["target"]) == ("swift", "disk")
    again = files.run("copy", "shop")
    assert (again.returncode, "nothing to copy" in again.stdout) == (0, True), again.stderr


def test_the_command_copies_one_to_any_store_of_the_fleet(files: FleetFiles) -> None:
    assert files.run("backup", "shop").returncode == 0
    done = files.run("copy", "shop", "latest", "--from", "swift", "--to", "disk")
    assert done.returncode == 0, done.stderr
    assert "from swift to disk: " in done.stdout
    again = files.run("copy", "shop", "--to", "disk")
    assert "0 B sent" in again.stdout, again.stderr
    misspelt = files.run("copy", "shop", "--to", "dsik")
    assert misspelt.returncode == 2
    assert "Did you mean 'disk'?" in misspelt.stderr
