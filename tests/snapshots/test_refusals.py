"""What a backup by a snapshot is refused for, each with its reason, before anything is locked."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from include.proven import backup
from include.proven.agent.context import Context
from include.proven.agent.errors import AgentError
from include.proven.agent.volumes import open_volume
from include.proven.errors import SourceError
from include.proven.fleet import check
from include.proven.installation import Installation
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE TABLE odd (id INT PRIMARY KEY) DATA DIRECTORY = '{elsewhere}'", "lie outside of its data directory"),
        ("CREATE TABLE odd (id INT) ENGINE = MEMORY; INSERT INTO odd VALUES (1)", "rows of shop.odd are in no file"),
        ("CREATE TABLE odd (id INT); SET GLOBAL innodb_flush_log_at_trx_commit = 0", "the last second is in no file"),
    ],
)
def test_what_no_snapshot_holds_is_refused(
    installation: Installation, shop: DatabaseServer, statement: str, words: str
) -> None:
    shop.sql(statement.format(elsewhere=shop.process.directory / "elsewhere"), "shop")
    try:
        with pytest.raises(SourceError, match=words) as met:
            backup.take_backup(installation, "shop", backup.new_id(kind="snapshot"))
    finally:
        shop.sql("DROP TABLE odd; SET GLOBAL innodb_flush_log_at_trx_commit = 2", "shop")
    assert "`logical`" in met.value.hint
    assert installation.catalog("shop").recovery_points("shop") == []


@pytest.mark.parametrize("shop", ["mysql"], indirect=True)
def test_a_server_without_a_redo_log_is_refused(installation: Installation, shop: DatabaseServer) -> None:
    shop.sql("ALTER INSTANCE DISABLE INNODB REDO_LOG")
    try:
        with pytest.raises(SourceError, match="its redo log is switched off"):
            backup.take_backup(installation, "shop", backup.new_id(kind="snapshot"))
    finally:
        shop.sql("ALTER INSTANCE ENABLE INNODB REDO_LOG")


def test_another_file_system_is_refused(tmp_path: pathlib.Path) -> None:
    volume = open_volume("btrfs", tmp_path, beside="", name="point", context=Context(), path=())
    with pytest.raises(AgentError, match="and `snapshot` says btrfs") as met:
        volume.require()
    assert "choose another `method`" in met.value.hint


def test_a_place_on_another_file_system_is_refused(
    shop: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch, sandbox_directory: pathlib.Path
) -> None:
    snapshot = {"volume": "btrfs", "folder": str(sandbox_directory)}
    installation = make_fleet(shop, method="snapshot", snapshot=snapshot).open(monkeypatch)
    with pytest.raises(SourceError, match="can't be made: btrfs died") as met:
        backup.take_backup(installation, "shop", backup.new_id(kind="snapshot"))
    assert "`snapshot.folder`" in met.value.hint


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "snapshot"}, "needs `snapshot`"),
        ({"snapshot": {"volume": "btrfs"}}, "goes with the method `snapshot` only"),
        ({"method": "snapshot", "snapshot": {"volume": "lvm"}}, "btrfs"),
        ({"method": "snapshot", "snapshot": {"volume": "btrfs"}, "schemas": ["shop"]}, "none can be chosen"),
    ],
)
def test_the_fleet_says_what_does_not_go_together(
    mariadb_source: DatabaseServer, make_fleet: MakeFleet, changes: dict[str, Any], words: str
) -> None:
    files: FleetFiles = make_fleet(mariadb_source, **changes)
    found = check.check(files.folder / "fleet.yaml")
    assert [fault for fault in found if words in fault.what + fault.hint], found
