"""A full physical backup, drilled like every other."""

from __future__ import annotations

from include.proven import backup, drill, ids
from include.proven.installation import Installation
from tests.physical.conftest import Writing
from tests.servers.databases import DatabaseServer

RESERVED = """
CREATE TABLE shop.bulk (id INT PRIMARY KEY AUTO_INCREMENT, a INT); INSERT INTO shop.bulk (a) SELECT seq FROM seq_1_to_5000
"""
"""The server has reserved 8192 numbers for it, in its memory, of which 5000 are in use."""


def test_a_backup_under_writes_is_proven(installation: Installation, shop: DatabaseServer, writing: Writing) -> None:
    shop.sql(RESERVED, "shop")
    with writing():
        manifest = backup.take_backup(installation, "shop", backup.new_id()).manifest
    assert (manifest.method, manifest.kind) == ("physical", "full")
    assert [artifact.role for artifact in manifest.artifacts] == ["datadir"]
    assert manifest.inventory["counters"]["shop.bulk"] == "8192"
    assert manifest.pages is not None
    assert manifest.pages.from_lsn == 0 < manifest.pages.to_lsn <= manifest.pages.last_lsn
    assert manifest.position is not None
    assert manifest.position.file.startswith("log.")
    assert manifest.lock is not None
    assert 0 < manifest.lock.held_seconds < 10
    verdict = drill.run(installation, drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, "swift", "local"))
    assert verdict.outcome == "proven", (verdict.reason, verdict)
