"""User checks are one SELECT a file, and answer as Airflow's SQLCheckOperator would."""

from __future__ import annotations

import pathlib

import pytest

from include.proven.errors import ConfigError
from include.proven.proof.checks import UserCheck, judge, load_checks


def load(folder: pathlib.Path, text: str, name: str = "orders.sql") -> UserCheck:
    (folder / name).write_text(text)
    return load_checks(folder)[0]


def test_name_and_purpose_come_from_the_first_lines(tmp_path: pathlib.Path) -> None:
    check = load(tmp_path, "-- name: every order has items\n-- protects:  invoices \n-- and more\nSELECT 1;\n")
    assert (check.name, check.protects) == ("every order has items", "invoices")
    assert check.sql.endswith("SELECT 1")


def test_a_file_without_a_name_is_called_by_its_own(tmp_path: pathlib.Path) -> None:
    assert load(tmp_path, "SELECT 1").name == "orders"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a;b', \"c;d\", `e;f` FROM t; -- the end; really",
        "SELECT 1 /* ; */ ;\n\n",
        "# first; of all\nWITH t AS (SELECT 1 AS a) SELECT a FROM t",
        "(SELECT 1) UNION (SELECT 'it''s; \\'quoted\\'')",
        "SELECT 1--1",
        "SELECT /*! STRAIGHT_JOIN */ 1",
    ],
)
def test_one_select_is_accepted(tmp_path: pathlib.Path, sql: str) -> None:
    load(tmp_path, sql)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "there is no SELECT"),
        ("-- name: x\n", "there is no SELECT"),
        ("DELETE FROM t", "begins with 'DELETE'"),
        ("SELECT 1; DROP TABLE t", ":1: a second statement begins"),
        ("SELECT 1;\nSELECT 2;", ":2: a second statement begins"),
        ("SELECT 'open", "':' is opened|' is opened and never closed"),
        ("SELECT 1 /* open", "is opened and never closed"),
        ("-- name: canary\nSELECT 1", "'canary' can't be the name"),
        ("-- name: a/b\nSELECT 1", "'a/b' can't be the name"),
    ],
)
def test_a_bad_file_is_named(tmp_path: pathlib.Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "orders.sql") in caught.value.what
    assert caught.value.hint


def test_two_checks_of_one_name_are_a_fault(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.sql").write_text("-- name: same\nSELECT 1")
    (tmp_path / "b.sql").write_text("-- name: same\nSELECT 2")
    with pytest.raises(ConfigError, match=r"b\.sql: name 'same' is taken by a\.sql"):
        load_checks(tmp_path)


def test_text_that_is_no_utf8_is_a_fault(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"SELECT '\xe9'")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_checks(tmp_path)


CHECK = UserCheck("orders", "SELECT …", protects="the books", file="checks/shop/orders.sql")


@pytest.mark.parametrize("value", ["1", "-1", "0.5", "text", "2026-01-01", "1e-9", "0x0"])
def test_true_values_pass(value: str) -> None:
    check = judge(CHECK, ["n"], [[value]])
    assert (check.name, check.outcome, check.figure, check.proves_data) == ("orders", "pass", f"n={value}", False)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "NULL"), ("0", "0"), ("", "empty"), ("0.00", "0.00"), ("-0", "-0"), ("0e0", "0e0")]
)
def test_false_values_fail(value: str | None, shown: str) -> None:
    check = judge(CHECK, ["orders", "n"], [["5", value], ["1", "1"]])
    assert (check.outcome, check.differences) == ("fail", [f"n is {shown}"])
    assert "the books" in check.hint
    assert "orders.sql" in check.hint


def test_no_row_fails() -> None:
    check = judge(CHECK, [], [])
    assert (check.outcome, check.figure) == ("fail", "no row came back")


def test_a_bit_of_zero_is_false() -> None:
    assert judge(CHECK, ["flag"], [["\0"]]).outcome == "fail"
    assert judge(CHECK, ["flag"], [["\1"]]).outcome == "pass"
