"""Pieces of binary logs go with the last recovery point that needs them, and never one that might still be needed."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from include.proven.catalog.binlogs import Segment
from include.proven.retention import planning, pruning
from tests.retention.conftest import ARTIFACT, Bed, day, moment, taken_at
from tests.stores.uploading import store_artifact

HOUR = datetime.timedelta(hours=1)
OLD, KEPT = 5, 10
"""Days: a recovery point that goes, and the oldest that stays."""


def ship(bed: Bed, file: str, complete_to: datetime.datetime, *, server: str = "x", start: int = 0, end: int = 100) -> str:
    """Store a piece of a log, and return the folder of its log."""
    name = f"{start:012}-{hashlib.sha256(file.encode()).hexdigest()[:8]}.binlog.zst.gpg"
    members: dict[str, Any] = {"first_event_at": None, "last_event_at": None, "complete_to": complete_to, "rotated": True}
    artifact = ARTIFACT.model_copy(update={"name": name, "role": "binlog"})
    segment = Segment(database="shop", server=server, file=file, start=start, end=end, artifact=artifact, **members)
    catalog = bed.catalog()
    store_artifact(catalog.store, f"{segment.name.folder}/{name}", b"x" * 10)
    catalog.publish_segment(segment)
    return segment.name.folder


def folders(bed: Bed) -> set[str]:
    return {key.rpartition("/")[0] for key in bed.everything() if key.startswith("shop/binlogs/")}


def test_a_log_goes_when_it_ends_before_all_that_stays(bed: Bed) -> None:
    early, at = moment(day(OLD)), moment(day(KEPT))
    bed.put(day(OLD), **taken_at(OLD, file="bin.000003", offset=4))
    bed.put(day(KEPT), **taken_at(KEPT, file="bin.000007", offset=4))
    bed.put(day(KEPT + 1), **taken_at(KEPT + 1, file="bin.000009", offset=4))
    gone = {
        ship(bed, "bin.000003", early + HOUR),
        ship(bed, "bin.000006", at - HOUR),
        ship(bed, "bin.000006", at, start=100, end=200),
        ship(bed, "mysql.000099", at - HOUR),
        ship(bed, "bin.000050", early, server="the one before"),
    }
    left = f"shop/binlogs/x/bin.{4:06}"
    bed.catalog().store.put_record(f"{left}/of a killed stream", b"x")
    stays = {
        left,  # somebody may be at it: it is younger than what stays
        ship(bed, "bin.000007", at - HOUR),
        ship(bed, "bin.000008", at + HOUR),
        ship(bed, "bin.000002", at - HOUR),  # after a RESET the old name stands for a new file, too
        ship(bed, "bin.000002", at + HOUR, start=50, end=60),
        ship(bed, "bin.000051", at + HOUR, server="the one before"),
    }
    opened = bed.set(keep_last=2)
    outcome = pruning.apply(opened, planning.make_plan(opened, "shop"), asked_by="tests")
    assert {log.folder for log in planning.make_plan(opened, "shop").logs.get("swift", [])} == set()
    assert folders(bed) == stays
    assert len(outcome.logs["swift"]) == len(gone)
    assert {f"shop/binlogs/{log.server.replace(' ', '%20')}/{log.file}" for log in outcome.logs["swift"]} == gone


def test_where_a_record_can_not_be_trusted_no_log_goes(bed: Bed) -> None:
    bed.put(day(KEPT), **taken_at(KEPT, file="bin.000007", offset=4))
    folder = ship(bed, "bin.000003", moment(day(KEPT)) - HOUR)
    bed.set(keep_last=1)
    assert [log.folder for log in planning.make_plan(bed.open(), "shop").logs["swift"]] == [folder]
    bed.catalog().store.delete_record(f"{folder}/{0:012}-{100:012}.json.asc")
    plan = planning.make_plan(bed.open(), "shop")
    assert plan.logs == {}
    assert "is not signed" in plan.faults[0].what
