"""What the stream has shipped is what a recovery takes: from a source at work to a proof, with nothing put there by a test."""

from __future__ import annotations

import pytest

from include.proven import backup, drill, ids
from include.proven.binlogs import lottery, recovery, streaming
from include.proven.errors import ConfigError
from tests.binlogs import streams
from tests.binlogs.conftest import TABLE
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet


def test_a_streamed_log_leads_from_one_recovery_point_to_the_next(
    logging: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.drop_schemas()
    logging.sql(f"FLUSH BINARY LOGS; CREATE DATABASE shop; USE shop; {TABLE}")
    opened = make_fleet(logging, binlogs={"lag": "1s", "piece": "100 KB"}).open(monkeypatch)
    older = backup.take_backup(opened, "shop", backup.new_id()).manifest
    streaming.stream(opened, "shop", seconds=2)  # it begins at the newest recovery point
    logging.sql("INSERT INTO shop.orders (note) VALUES (REPEAT('x', 200000)), (NULL); FLUSH BINARY LOGS")
    logging.sql("UPDATE shop.orders SET note = 'ünï' WHERE id = 2; CREATE TABLE shop.more (id INT PRIMARY KEY)")
    younger = backup.take_backup(opened, "shop", backup.new_id()).manifest
    asked = drill.Drill(ids.new_drill(), "shop", "", "", "local")
    with pytest.raises(ConfigError, match="leads from no recovery point to another"):
        lottery.draw(opened, asked)  # the log of the younger one is not shipped yet

    shipped = streaming.stream(opened, "shop", seconds=3)
    assert shipped.newest is not None
    drawn = lottery.draw(opened, asked)
    assert (drawn.via, drawn.recovery_point) == (older.recovery_point, younger.recovery_point)
    verdict = drill.run(opened, drawn)
    assert verdict.outcome == "proven", (verdict.reason, [check for check in verdict.checks if check.outcome != "pass"])

    # a moment that the stream calls complete can be reached, from the younger one too, and over an empty end of a file
    moment = shipped.newest.complete_to.replace(microsecond=0) - recovery.continuity.RESOLUTION
    way = recovery.plan(opened, younger, "swift", recovery.to_moment(moment))
    told = recovery.replay(opened, way, None)
    assert (told["file"], told["offset"]) <= (shipped.newest.file, shipped.newest.end)
    assert streams.identity(logging) == way.segments[-1].server
