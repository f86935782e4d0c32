"""Files of checks that can't be read: the backup is taken, everything else is checked, and the drill is unproven."""

from __future__ import annotations

import pytest

from include.proven import backup, drill, ids
from include.proven.drill import Drill
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet


@pytest.mark.parametrize(
    ("file", "text"), [("h_bad.sql", "-- expect: all is well\nSELECT 1"), (None, "")], ids=["a bad file", "an empty folder"]
)
def test_checks_that_cannot_be_read_lose_no_backup_and_prove_nothing(
    mariadb_source: DatabaseServer,
    make_fleet: MakeFleet,
    monkeypatch: pytest.MonkeyPatch,
    file: str | None,
    text: str,
) -> None:
    schema = mariadb_source.fresh_schema("unread")
    mariadb_source.sql("CREATE TABLE t (id INT); INSERT INTO t VALUES (1)", schema)
    files = make_fleet(mariadb_source, schemas=[schema])
    folder = files.folder / "checks" / "shop"
    folder.mkdir(parents=True)
    if file:
        (folder / file).write_text(text)
    installation = files.open(monkeypatch)
    recovery_point = backup.take_backup(installation, "shop", backup.new_id()).manifest.recovery_point
    this = Drill(ids.new_drill(), "shop", recovery_point, "swift", "local")
    verdict = drill.run(installation, this)
    assert verdict.outcome == "unproven"
    assert verdict.reason.startswith("check user checks could not run: ")
    assert str(folder / (file or "")).rstrip("/") in verdict.reason
    assert {check.name: check.outcome for check in verdict.checks if check.name in {"fingerprint", "objects"}} == {
        "fingerprint": "pass",
        "objects": "pass",
    }
