"""Yesterday's recovery point under today's name (C1): whoever holds the store can copy files, and proves nothing by it."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import shutil
import time

import pytest

from include.proven import backup, copies, drill, errors, ids
from include.proven.drill import Drill
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet


@dataclasses.dataclass
class Bed:
    """Two recovery points in a directory, and hands on both."""

    opened: Installation
    store: pathlib.Path
    yesterday: str
    today: str

    def folder(self, point: str) -> pathlib.Path:
        return self.store / "shop" / point

    def drill(self, point: str) -> Drill:
        return Drill(ids.new_drill(), "shop", point, "disk", "local")


@pytest.fixture
def bed(mariadb_source: DatabaseServer, make_fleet: MakeFleet, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Bed:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1)", schema)
    files = make_fleet(mariadb_source, schemas=[schema], stores=["disk"])
    (tmp_path / "disk").mkdir()
    files.document["stores"] = {"disk": {"kind": "directory", "path": str(tmp_path / "disk"), "prefix": ""}}
    files.document["databases"]["shop"]["objectives"] = {"rpo": "1s", "rto": "1s"}
    files.write()
    opened = files.open(monkeypatch)
    yesterday = backup.take_backup(opened, "shop", backup.new_id()).manifest.recovery_point
    mariadb_source.sql("INSERT INTO orders VALUES (2)", schema)
    time.sleep(1.1)  # ids count whole seconds
    today = backup.take_backup(opened, "shop", backup.new_id()).manifest.recovery_point
    return Bed(opened, tmp_path / "disk", yesterday, today)


@pytest.mark.failure("C1")
def test_yesterdays_artifacts_under_todays_manifest_are_refuted(bed: Bed) -> None:
    for artifact in bed.folder(bed.yesterday).glob("*.gpg"):
        shutil.copy(artifact, bed.folder(bed.today))
    verdict = drill.run(bed.opened, bed.drill(bed.today))
    assert verdict.outcome == "refuted"
    assert verdict.reason.startswith("restore: ")
    assert verdict.hint


@pytest.mark.failure("C1")
def test_yesterdays_folder_under_todays_name_is_refuted(bed: Bed) -> None:
    shutil.rmtree(bed.folder(bed.today))
    shutil.copytree(bed.folder(bed.yesterday), bed.folder(bed.today))
    verdict = drill.run(bed.opened, bed.drill(bed.today))
    assert verdict.outcome == "refuted"
    assert f"is about {bed.yesterday}, not {bed.today}" in verdict.reason


@pytest.mark.failure("C1")
def test_yesterdays_manifest_that_says_to_be_todays_is_refuted(bed: Bed) -> None:
    for name in ("manifest.json", "manifest.json.asc"):
        content = (bed.folder(bed.yesterday) / name).read_bytes()
        (bed.folder(bed.today) / name).write_bytes(content.replace(bed.yesterday.encode(), bed.today.encode()))
    verdict = drill.run(bed.opened, bed.drill(bed.today))
    assert verdict.outcome == "refuted"
    assert "can't be trusted" in verdict.reason


@pytest.mark.failure("C1")
def test_yesterdays_data_in_todays_sandbox_is_refuted(bed: Bed) -> None:
    """As if the store, or we, had mixed them up: every checksum is right, and it is the wrong one of two."""
    asked = bed.drill(bed.today)
    try:
        drill.build(bed.opened, asked)
        drill.load(bed.opened, dataclasses.replace(asked, recovery_point=bed.yesterday))
        for name in ("fingerprint", "canary"):
            with contextlib.suppress(errors.CheckError):
                drill.check(bed.opened, asked, name)
    finally:
        drill.destroy(bed.opened, asked)
    _, checks = bed.opened.catalog("shop").evidence("shop", asked.recovery_point, asked.id)
    failed = {check.name: check.differences for check in checks if check.outcome == "fail"}
    assert failed.keys() == {"fingerprint", "canary"}
    assert failed["canary"][0].startswith(f"canary: {bed.today}, written ")
    assert f"was not restored; the newest restored is {bed.yesterday}" in failed["canary"][0]


@pytest.mark.failure("C1")
@pytest.mark.failure("C11")
def test_a_store_that_was_set_back_to_yesterday_shows_its_age(bed: Bed) -> None:
    """Nothing is forged, today is just gone: the newest data is older than was promised, and back too late."""
    shutil.rmtree(bed.folder(bed.today))
    point, store = copies.choose(bed.opened, "shop", "latest")
    assert (point, store) == (bed.yesterday, "disk")
    verdict = drill.run(bed.opened, bed.drill(point))
    assert verdict.outcome == "proven", verdict.reason
    rpo, rto = verdict.warnings
    assert rpo.startswith("RPO missed: the newest data was ")
    assert rto.startswith("RTO missed: build and restore took ")
    assert [stage.name for stage in verdict.recovery][:4] == ["build", "restore", "download", "load"]
