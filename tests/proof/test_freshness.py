"""Of when the data is, is said by the source's clock, and not believed where another clock says otherwise."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

import pytest

from include.proven import backup
from include.proven.manifest import Replication
from include.proven.proof import freshness
from include.proven.proof.verdict import Check
from tests.proof.histories import NOON, config, taken
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet

SECOND, MINUTE = datetime.timedelta(seconds=1), datetime.timedelta(minutes=1)


def judge(**changes: Any) -> Check:
    return freshness.judge(taken(0, **changes), config())


def test_clocks_that_agree_say_of_when_the_data_is() -> None:
    check = judge()
    assert (check.outcome, check.proves_data) == ("pass", False)
    assert check.figure == "data as of 2026-11-21 12:00:00 UTC"


def test_data_of_a_replica_is_as_old_as_what_it_has_not_seen() -> None:
    check = judge(replication=[Replication(primary="db0:3306", lag_seconds=90)])
    assert check.outcome == "pass"
    assert check.figure == "data as of 2026-11-21 11:58:30 UTC: the source was 1 min 30 s behind db0:3306"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"started_at": NOON + 4 * MINUTE}, ""),
        ({"started_at": NOON + 6 * MINUTE}, "the source's clock is 6 min 00 s behind the controller's, or more"),
        ({"finished_at": NOON - 4 * MINUTE}, ""),
        ({"finished_at": NOON - 61 * MINUTE}, "the source's clock is 1 h 01 min ahead of the controller's, or more"),
        ({"canary": None}, ""),
        ({"canary": {"recovery_point": "", "written_at": (NOON - 5 * MINUTE).isoformat()}}, ""),
        ({"canary": {"recovery_point": "", "written_at": (NOON - 6 * MINUTE).isoformat()}},
         "the canary was written 6 min 00 s before the snapshot"),
        ({"canary": {"recovery_point": "", "written_at": (NOON + 2 * SECOND).isoformat()}},
         "the canary was written 2.0 s after the snapshot that holds it"),
    ],
)  # fmt: skip
def test_clocks_that_contradict_each_other_leave_the_age_unproven(changes: dict[str, Any], said: str) -> None:
    check = judge(**changes)
    assert check.figure == (said or "data as of 2026-11-21 12:00:00 UTC")
    assert check.outcome == ("could-not-run" if said else "pass")
    assert bool(check.hint) is bool(said)


@pytest.mark.parametrize(("skew", "said"), [(-86_400, "behind"), (3600, "ahead of")])
def test_a_source_whose_clock_is_wrong_is_noticed(
    source: DatabaseServer, make_fleet: MakeFleet, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, skew: int, said: str
) -> None:
    """Only for the backup account: `init_connect` is not run for root."""
    schema = source.fresh_schema("shop")
    source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1)", schema)
    files = make_fleet(source, schemas=[schema], stores=["disk"])
    (tmp_path / "disk").mkdir()
    files.document["stores"] = {"disk": {"kind": "directory", "path": str(tmp_path / "disk")}}
    files.write()
    opened = files.open(monkeypatch)
    source.sql(f"SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + {skew}'")
    try:
        manifest = backup.take_backup(opened, "shop", backup.new_id()).manifest
    finally:
        source.sql("SET GLOBAL init_connect = ''")
    check = freshness.judge(manifest, opened.database("shop"))
    assert check.outcome == "could-not-run"
    assert f" {said} the controller's, or more" in check.figure
    assert "NTP" in check.hint
