"""Differences read as a DBA would say them, and nothing compared is nothing proven."""

from __future__ import annotations

from typing import Any

import pytest

from include.proven.proof.compare import compare_fingerprints


def fingerprint(**tables: tuple[int, str]) -> dict[str, Any]:
    entries = {
        name.replace("__", "."): {"rows": rows, "digest": digest, "columns": 3, "engine": "InnoDB", "seconds": 0.1}
        for name, (rows, digest) in tables.items()
    }
    return {"algorithm": "sha256-sum-v1", "tables": entries, "rows": sum(entry["rows"] for entry in entries.values())}


def test_equal_fingerprints_pass_and_prove_data() -> None:
    same = fingerprint(shop__orders=(120000, "a"), shop__empty=(0, "0"))
    check = compare_fingerprints(same, same)
    assert (check.outcome, check.proves_data, check.figure) == ("pass", True, "2 tables, 120,000 rows")


@pytest.mark.parametrize(
    ("restored", "line"),
    [
        ({"shop__orders": (119998, "b")}, "table shop.orders: 120,000 rows on the source, 119,998 restored"),
        ({"shop__orders": (120000, "b")}, "table shop.orders: 120,000 rows on both, but values differ"),
        ({}, "table shop.orders: missing"),
        ({"shop__orders": (120000, "a"), "shop__new": (1, "c")}, "table shop.new: not on the source, but restored"),
    ],
)
def test_each_difference_is_one_sentence(restored: dict[str, tuple[int, str]], line: str) -> None:
    check = compare_fingerprints(fingerprint(shop__orders=(120000, "a")), fingerprint(**restored))
    assert (check.outcome, check.differences) == ("fail", [line])
    assert check.figure == "1 difference in 1 table, 120,000 rows"
    assert check.hint


def test_a_table_outside_of_the_snapshot_is_said_to_be_one() -> None:
    source, restored = fingerprint(shop__terms=(5, "a")), fingerprint(shop__terms=(6, "b"))
    source["tables"]["shop.terms"]["engine"] = "MyISAM"
    assert (
        compare_fingerprints(source, restored)
        .differences[0]
        .endswith("(MyISAM: not in the snapshot; written during the backup?)")
    )


@pytest.mark.failure("A5")
def test_a_table_whose_writers_waited_is_of_the_same_moment_as_all() -> None:
    source, restored = fingerprint(shop__terms=(5, "a")), fingerprint(shop__terms=(6, "b"))
    source["tables"]["shop.terms"] |= {"engine": "MyISAM", "locked": True}
    assert "snapshot" not in compare_fingerprints(source, restored).differences[0]


def test_a_table_that_was_written_meanwhile_is_named_and_refutes_nothing() -> None:
    source = fingerprint(shop__orders=(5, "a"), shop__terms=(5, "a"))
    source["tables"]["shop.orders"]["unsteady"] = True
    check = compare_fingerprints(source, fingerprint(shop__orders=(6, "b"), shop__terms=(5, "a")))
    assert (check.outcome, check.proves_data, check.figure) == ("pass", True, "1 table, 5 rows")
    assert check.not_covered == ["Tables written while the snapshots were opened, and the account may not lock: shop.orders."]
    assert compare_fingerprints(source, fingerprint(shop__orders=(6, "b"), shop__terms=(5, "c"))).outcome == "fail"
    assert compare_fingerprints(source, fingerprint(shop__terms=(5, "a"))).differences == ["table shop.orders: missing"]


def test_an_unsteady_table_that_is_alike_is_proven_as_any_other() -> None:
    source = fingerprint(shop__orders=(5, "a"))
    source["tables"]["shop.orders"]["unsteady"] = True
    check = compare_fingerprints(source, fingerprint(shop__orders=(5, "a")))
    assert (check.outcome, check.not_covered) == ("pass", [])


@pytest.mark.failure("D1")
def test_where_only_the_canary_could_be_compared_nothing_is_proven() -> None:
    source = fingerprint(shop__orders=(5, "a"), proven_canary__canary=(1, "c"))
    source["tables"]["shop.orders"]["unsteady"] = True
    check = compare_fingerprints(source, fingerprint(shop__orders=(6, "b"), proven_canary__canary=(1, "c")))
    assert (check.outcome, check.proves_data) == ("could-not-run", False)
    assert "RELOAD" in check.hint


@pytest.mark.failure("D1")
def test_no_tables_is_no_pass() -> None:
    check = compare_fingerprints(fingerprint(), fingerprint())
    assert (check.outcome, check.proves_data) == ("could-not-run", False)
    assert compare_fingerprints({}, {}).outcome == "could-not-run"


@pytest.mark.failure("D4")
def test_digests_of_two_kinds_are_not_compared() -> None:
    one = fingerprint(shop__orders=(1, "a"))
    assert compare_fingerprints({**one, "algorithm": "md5"}, one).outcome == "could-not-run"


def test_at_most_a_hundred_are_named_and_all_are_counted() -> None:
    many = {f"shop__t{number:03}": (number, "a") for number in range(150)}
    check = compare_fingerprints(fingerprint(**many), fingerprint(shop__other=(1, "x")))
    assert len(check.differences) == 100
    assert check.differences[-1] == "… and 52 more differences"
    assert check.figure.startswith("151 differences in 150 tables")
