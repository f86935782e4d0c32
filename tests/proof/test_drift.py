"""What a source has suddenly less of is named, table by table, and refutes nothing."""

from __future__ import annotations

import datetime
import pathlib

import pytest

from include.proven import backup
from include.proven.manifest import Manifest
from include.proven.proof import drift
from include.proven.proof.history import History
from include.proven.proof.verdict import Check
from tests.proof.histories import NOON, config, proven, taken
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet

ROWS = {"shop.orders": 2000, "shop.items": 50_000, "shop.settings": 1, "proven_canary.canary": 10}


def judge(now: Manifest, before: History, **proof: object) -> Check:
    return drift.judge(now, config(proof=proof), lambda most: History(before.manifests[:most], before.untrusted))


def week(rows: dict[str, int] = ROWS, days: int = 9) -> History:
    return proven(*(taken(day, rows, plain_bytes=10**7) for day in range(days)))


def lose(**changes: int) -> Check:
    """Judge a day on which tables of `shop` have other rows; -1: the table is gone."""
    rows = ROWS | {f"shop.{name}": count for name, count in changes.items()}
    return judge(taken(9, {name: count for name, count in rows.items() if count >= 0}, plain_bytes=10**7), week())


def test_a_day_like_any_other_passes_and_says_what_it_was_judged_by() -> None:
    check = lose(orders=2040, items=49_000)
    assert (check.outcome, check.proves_data, check.not_covered) == ("pass", False, [])
    assert check.figure == (
        "51,041 rows (-1.8 %), 10.0 MB of SQL (+0.0 %) since 20261129T120000Z-full-00000000, judged by 9 recovery points"
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (1200, "table shop.orders: 1,200 rows, 40 % fewer than in 20261129T120000Z-full-00000000"),
        (0, "table shop.orders: 0 rows, 100 % fewer than in 20261129T120000Z-full-00000000"),
        (-1, "table shop.orders: gone; it had 2,000 rows in 20261129T120000Z-full-00000000"),
    ],
)
def test_a_loss_is_a_warning_that_names_the_table_and_who_has_it_still(rows: int, said: str) -> None:
    check = lose(orders=rows)
    assert (check.outcome, check.severity) == ("fail", "warning")
    assert check.differences == [said]
    assert "./proven restore shop 20261129T120000Z-full-00000000" in check.hint


def test_the_one_row_of_a_steady_table_is_missed() -> None:
    assert [line.partition(":")[0] for line in lose(settings=0).differences] == ["table shop.settings"]


def test_all_tables_together_are_looked_at_too() -> None:
    rows = {f"shop.t{number}": 1000 for number in range(4)}
    half = dict.fromkeys(rows, 500)
    check = judge(taken(9, half, plain_bytes=4 * 10**6), week(rows))
    assert check.differences[:2] == [
        "all tables: 2,000 rows, 50 % fewer than in 20261129T120000Z-full-00000000",
        "all data: 4.0 MB of SQL, 60 % less than in 20261129T120000Z-full-00000000 (10.0 MB)",
    ]
    assert len(check.differences) == 6


def test_values_that_are_gone_while_their_rows_are_there_show_in_the_size() -> None:
    check = judge(taken(9, ROWS, plain_bytes=10**6), week())
    assert [line.partition(":")[0] for line in check.differences] == ["all data"]


def test_tables_that_come_and_go_are_none_of_it() -> None:
    def logs(day: int) -> dict[str, int]:
        return ROWS | {f"shop.log_{number}": 100 for number in range(day, day + 3)}

    before = proven(*(taken(day, logs(day), plain_bytes=10**7) for day in range(9)))
    assert judge(taken(9, logs(9), plain_bytes=10**7), before).outcome == "pass"


def test_a_new_table_is_not_judged_until_it_is_known() -> None:
    young = [taken(day, ROWS | ({"shop.new": 1000} if day > 6 else {}), plain_bytes=10**7) for day in range(9)]
    assert judge(taken(9, ROWS | {"shop.new": 10}, plain_bytes=10**7), proven(*young)).outcome == "pass"


@pytest.mark.parametrize("days", [0, 4])
def test_too_few_to_judge_by_is_said(days: int) -> None:
    check = judge(taken(9, {"shop.orders": 0}), week(days=days))
    assert (check.outcome, check.figure) == ("pass", "too few to judge by")
    assert check.not_covered == [f"Sudden losses on the source: {days} earlier recovery points are proven, and it takes 5."]


def test_it_can_be_switched_off() -> None:
    check = judge(taken(9, {"shop.orders": 0}), week(), drift=False)
    assert (check.outcome, check.not_covered) == ("pass", [drift.OFF])


def test_records_that_can_not_be_trusted_are_named() -> None:
    before = History(week().manifests, ("20261101T120000Z-full-00000000",))
    assert "20261101T120000Z-full-00000000" in judge(taken(9, ROWS, plain_bytes=10**7), before).not_covered[0]


def dated(day: int, newest: datetime.datetime, **more: object) -> Manifest:
    entry = {"rows": 2000, "digest": "", "newest": {"created_at": newest.isoformat()}, **more}
    return taken(day, fingerprint={"tables": {"shop.orders": entry}, "rows": 2000})


def at(day: int, hour: int = 11) -> datetime.datetime:
    return NOON.replace(hour=hour) + datetime.timedelta(days=day)


def test_a_table_that_gets_no_new_rows_any_more_is_told() -> None:
    before = proven(*(dated(day, at(day)) for day in range(9)))
    check = judge(dated(9, at(8)), before)
    assert check.differences == [
        "table shop.orders: nothing new: the newest `created_at` is 2026-11-29 11:00:00,"
        " as in 20261129T120000Z-full-00000000; each time before, it had moved"
    ]
    assert judge(dated(9, at(9)), before).outcome == "pass"
    assert judge(taken(9, {"shop.orders": 2000}), before).outcome == "pass"


def test_the_newest_of_samples_is_not_judged() -> None:
    before = proven(*(dated(day, at(day), samples={}) for day in range(9)))
    assert judge(dated(9, at(8), samples={}), before).outcome == "pass"


def test_a_purge_on_a_real_server_is_told(
    source: DatabaseServer, make_fleet: MakeFleet, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real recovery points: the one before stands for five days of the same."""
    schema = source.fresh_schema("shop")
    numbers = ", ".join(f"({number})" for number in range(200))
    source.sql(f"CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES {numbers};", schema)
    source.sql("CREATE TABLE items (id INT PRIMARY KEY, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)", schema)
    source.sql("INSERT INTO items (id) SELECT id FROM orders", schema)
    files = make_fleet(source, schemas=[schema], stores=["disk"])
    (tmp_path / "disk").mkdir()
    files.document["stores"] = {"disk": {"kind": "directory", "path": str(tmp_path / "disk")}}
    files.write()
    opened = files.open(monkeypatch)
    whole = backup.take_backup(opened, "shop", backup.new_id()).manifest
    assert whole.fingerprint["tables"][f"{schema}.items"]["newest"].keys() == {"at"}
    source.sql("DELETE FROM orders WHERE id % 2", schema)
    purged = backup.take_backup(opened, "shop", backup.new_id()).manifest
    day = datetime.timedelta(days=1)
    before = proven(*(whole.model_copy(update={"snapshot_at": whole.snapshot_at - day * n}) for n in range(5, 0, -1)))
    assert judge(whole, before).outcome == "pass"
    check = judge(purged, before)
    assert check.differences == [f"table {schema}.orders: 100 rows, 50 % fewer than in {whole.recovery_point}"]
