"""A user's check is one SELECT, and what it must answer: files are read with all their faults, answers are judged."""

from __future__ import annotations

import pathlib

import pytest

from include.proven.errors import ConfigError
from include.proven.manifest import Answer
from include.proven.proof.user_checks import expectation
from include.proven.proof.user_checks.check import UserCheck
from include.proven.proof.user_checks.expectation import ExpectationError
from include.proven.proof.user_checks.judging import Reply, judge
from include.proven.proof.user_checks.loading import find_faults, load_checks
from include.proven.proof.verdict import Check


def load(folder: pathlib.Path, text: str, name: str = "orders.sql") -> UserCheck:
    (folder / name).write_text(text)
    return load_checks(folder)[0]


def test_the_header_says_what_a_check_is(tmp_path: pathlib.Path) -> None:
    header = (
        "-- name: every order has items\n-- protects:  invoices \n-- severity: warning\n"
        "-- time limit: 1m 30s\n-- expect: rows = 0\n-- and more\n"
    )
    check = load(tmp_path, f"\n{header}\n-- a remark: with a colon\nSELECT 1;\n")
    assert (check.name, check.protects, check.severity) == ("every order has items", "invoices", "warning")
    assert (check.time_limit, str(check.expect)) == (90.0, "rows = 0")
    assert check.sql == "SELECT 1"


def test_without_a_header_a_check_has_its_files_name_and_expects_truth(tmp_path: pathlib.Path) -> None:
    check = load(tmp_path, "SELECT 1")
    assert (check.name, check.severity, check.time_limit) == ("orders", "critical", 300.0)
    assert str(check.expect) == "true"
    assert not check.compares_source


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a;b', \"c;d\", `e;f` FROM t; -- the end; really",
        "SELECT 1 /* ; */ ;\n\n",
        "# first; of all\nWITH t AS (SELECT 1 AS a) SELECT a FROM t",
        "(SELECT 1) UNION (SELECT 'it''s; \\'quoted\\'')",
        "SELECT 1--1",
        "SELECT /*! STRAIGHT_JOIN */ 1",
        "SELECT 'INTO OUTFILE' AS `outfile`",
    ],
)
def test_one_select_is_accepted(tmp_path: pathlib.Path, sql: str) -> None:
    load(tmp_path, sql)


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "there is no SELECT", "Write one SELECT"),
        ("-- name: x\n", "there is no SELECT", "Write one SELECT"),
        ("DELETE FROM t", ":1: begins with 'DELETE'", "reads only"),
        ("SELECT 1; DROP TABLE t", ":1: a second statement begins", "one SELECT a file"),
        ("SELECT 1;\nSELECT 2;", ":2: a second statement begins", "one SELECT a file"),
        ("SELECT 'open", "' is opened and never closed", "Close the quote"),
        ("SELECT 1 /* open", "is opened and never closed", "Close the quote"),
        ("SELECT a FROM t\nINTO OUTFILE '/tmp/x'", ":2: writes a file", "reads only"),
        ("-- name: canary\nSELECT 1", ":1: 'canary' can't be the name", "Proven's own"),
        ("-- name: a/b\nSELECT 1", ":1: 'a/b' can't be the name", "80 letters"),
        ("-- protects: x\n-- naem: y\nSELECT 1", ":2: 'naem' is no key", "Did you mean 'name'?"),
        ("-- note: y\nSELECT 1", ":1: 'note' is no key", "Begin a remark with '#'"),
        ("-- time_limit: 5m\nSELECT 1", ":1: 'time_limit' is no key", "Did you mean 'time limit'?"),
        ("-- time limit: soon\nSELECT 1", ":1: 'soon' is no duration", "90s"),
        ("-- severity: warn\nSELECT 1", ":1: 'warn' is no severity", "Did you mean 'warning'?"),
        ("-- name: x\n-- name: y\nSELECT 1", ":2: 'name' stands here a second time", "Keep one"),
        ("-- name:\nSELECT 1", ":1: 'name' says nothing", "remove the line"),
        ("-- expect: rows are 0\nSELECT 1", ":1: 'rows are 0' is no expectation", "rows = 0"),
        ("SELECT 1;\n-- expect: rows = 0", ":2: a line of the header stands below it", "first lines"),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_a_hint(tmp_path: pathlib.Path, text: str, what: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.what.startswith(str(tmp_path / "orders.sql"))
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_all_faults_are_told_at_once(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.sql").write_text("-- name: same\nSELECT 1")
    (tmp_path / "b.sql").write_text("-- name: same\nSELECT 2")
    (tmp_path / "c.sql").write_bytes(b"SELECT 1,\n'\xe9'")
    (tmp_path / "d.sql").write_text("UPDATE t SET a = 1")
    (tmp_path / "README.md").write_text("not a check")
    faults = [(pathlib.PurePath(fault.file).name, fault.line, fault.what) for fault in find_faults(tmp_path)]
    assert faults == [
        ("b.sql", 0, "name 'same' is taken by a.sql"),
        ("c.sql", 2, "not UTF-8 text"),
        ("d.sql", 1, "begins with 'UPDATE'"),
    ]
    with pytest.raises(ConfigError, match="3 faults") as caught:
        load_checks(tmp_path)
    assert all(name in caught.value.detail for name in ("b.sql", "c.sql:2", "d.sql:1"))


@pytest.mark.failure("D1")
def test_a_folder_without_checks_is_a_fault(tmp_path: pathlib.Path) -> None:
    """Whoever made the folder wanted to have something asked."""
    with pytest.raises(ConfigError, match="there is no check in this folder"):
        load_checks(tmp_path)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("TRUE", "true"),
        ("scalar = 42", "scalar = 42"),
        ("scalar<>0", "scalar != 0"),
        ("Scalar >= 1e3", "scalar >= 1000"),
        ("scalar != 'it''s lost'", "scalar != 'it's lost'"),
        ("scalar between -10 and 20.5", "scalar >= -10 and <= 20.5"),
        ("scalar between '2026-01-01' and '2026-12-31'", "scalar >= '2026-01-01' and <= '2026-12-31'"),
        ("rows = 0", "rows = 0"),
        ("rows >= 1", "rows >= 1"),
        ("rows  between 1  and 100", "rows >= 1 and <= 100"),
        ("same as source", "same as source"),
    ],
)
def test_expectations(text: str, meant: str) -> None:
    assert str(expectation.parse(text)) == meant


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "It is written so"),
        (">= 1", "Did you mean 'scalar >= 1'?"),
        ("no rows", "Did you mean 'rows = 0'?"),
        ("row = 0", "Did you mean 'rows'?"),
        ("scalr = 1", "Did you mean 'scalar'?"),
        ("same as sauce", "same as source"),
        ("scalar = lost", "in quotes: 'lost'"),
        ("scalar between 20 and 10", "smaller one first"),
        ("scalar between 1 and 'b'", "two numbers"),
        ("rows = 'x'", "whole number"),
        ("rows >= -1", "whole number"),
        ("rows = 1.5", "whole number"),
        ("rows >= 0", "rows >= 1"),
        ("rows < 0", "rows = 0"),
    ],
)
def test_what_is_no_expectation_or_none_that_can_fail(text: str, hint: str) -> None:
    with pytest.raises(ExpectationError) as caught:
        expectation.parse(text)
    assert hint in caught.value.hint


def answer(
    expect: str, columns: list[str], *rows: list[str | None], count: int | None = None, source: Answer | None = None
) -> Check:
    reply = Reply(columns, rows, len(rows) if count is None else count, reads_table=True)
    return judge(check_of(expect), reply, source)


def check_of(expect: str) -> UserCheck:
    return UserCheck(
        "orders", "SELECT …", protects="the books", file="checks/shop/orders.sql", expect=expectation.parse(expect)
    )


@pytest.mark.parametrize("value", ["1", "-1", "0.5", "text", "2026-01-01", "1e-9", "0x0", "\1"])
def test_true_values_pass(value: str) -> None:
    check = answer("true", ["n"], [value])
    assert (check.name, check.outcome, check.figure, check.proves_data) == ("orders", "pass", f"n={value}", False)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "NULL"), ("0", "0"), ("", "empty"), ("0.00", "0.00"), ("-0", "-0"), ("0e0", "0e0"), ("\0", "\0")],
)
def test_false_values_fail(value: str | None, shown: str) -> None:
    check = answer("true", ["orders", "n"], ["5", value], ["1", "1"])
    assert (check.outcome, check.differences) == ("fail", [f"n is {shown}"])
    assert "the books" in check.hint
    assert "orders.sql" in check.hint


@pytest.mark.parametrize("expect", ["true", "scalar = 0", "scalar != 7"])
def test_no_row_fails_where_a_value_is_expected(expect: str) -> None:
    check = answer(expect, [])
    assert (check.outcome, check.figure) == ("fail", "no row came back")


@pytest.mark.parametrize(
    ("expect", "value", "outcome"),
    [
        ("scalar = 42", "42.00", "pass"),
        ("scalar = 42", "42.01", "fail"),
        ("scalar = 0.1", "0.1", "pass"),
        ("scalar >= 9", "10", "pass"),
        ("scalar = 42", None, "fail"),
        ("scalar != 42", None, "fail"),
        ("scalar != 42", "many", "fail"),
        ("scalar between 10 and 20", "20", "pass"),
        ("scalar between 10 and 20", "9.999", "fail"),
        ("scalar != 'lost'", "found", "pass"),
        ("scalar = 'lost'", "Lost", "fail"),
        ("scalar >= '2026-01-01'", "2026-06-30 12:00:00", "pass"),
    ],
)
def test_scalars(expect: str, value: str | None, outcome: str) -> None:
    check = answer(expect, ["n"], [value])
    assert check.outcome == outcome
    if outcome == "fail":
        assert check.differences == [f"n is {value or 'NULL'}, expected {expectation.parse(expect)}".replace("scalar ", "")]


def test_a_scalar_is_one_value() -> None:
    """Two columns are the check's fault, two rows the data's."""
    assert answer("scalar = 1", ["a", "b"], ["1", "1"]).outcome == "could-not-run"
    assert answer("scalar = 1", ["a"], ["1"], ["1"]).outcome == "fail"


@pytest.mark.parametrize(
    ("expect", "count", "outcome"),
    [("rows = 0", 0, "pass"), ("rows = 0", 1, "fail"), ("rows >= 1", 0, "fail"), ("rows between 2 and 1500", 1204, "pass")],
)
def test_rows_are_counted_beyond_those_that_are_shown(expect: str, count: int, outcome: str) -> None:
    check = answer(expect, ["id"], *([["7"]] if count else []), count=count)
    assert (check.outcome, check.figure) == (outcome, {0: "no row", 1: "1 row"}.get(count, "1,204 rows"))
    if expect == "rows = 0" and count:
        assert check.differences == ["1 row, expected = 0", "id=7"]


def source(*rows: list[str | None], sql: str = "SELECT …", error: str = "") -> Answer:
    return Answer(sql=sql, columns=["status", "n"], rows=list(rows), error=error)


def test_alike_in_any_order() -> None:
    check = answer(
        "same as source", ["status", "n"], ["paid", "2"], ["open", None], source=source(["open", None], ["paid", "2"])
    )
    assert (check.outcome, check.figure) == ("pass", "2 rows, as on the source")


def test_one_row_is_compared_value_by_value() -> None:
    check = answer("same as source", ["status", "n"], ["paid", "11"], source=source(["paid", "12"]))
    assert (check.outcome, check.differences) == ("fail", ["n: 12 on the source, 11 restored"])


def test_many_rows_are_compared_row_by_row() -> None:
    there = source(["paid", "2"], ["paid", "2"], ["open", "1"])
    check = answer("same as source", ["status", "n"], ["paid", "2"], ["open", "3"], source=there)
    assert check.differences == [
        "3 rows on the source, 2 rows restored",
        "missing: status=paid, n=2",
        "missing: status=open, n=1",
        "not on the source: status=open, n=3",
    ]


def test_no_row_left_of_those_of_the_source() -> None:
    check = answer("same as source", ["status", "n"], source=source(["paid", "2"]))
    assert check.differences == ["1 row on the source, no row restored", "missing: status=paid, n=2"]


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (None, "the source was not asked"),
        (source(sql="SELECT other"), "changed after this backup"),
        (source(error="not done within 300 s"), "the source gave no answer: not done within 300 s"),
    ],
)
def test_without_the_sources_answer_there_is_none(there: Answer | None, why: str) -> None:
    check = answer("same as source", ["n"], ["1"], source=there)
    assert check.outcome == "could-not-run"
    assert why in check.figure
    assert "new backup" in check.hint


def test_more_rows_than_are_kept_are_not_compared() -> None:
    check = answer("same as source", ["n"], ["1"], count=101, source=source(["1"]))
    assert check.outcome == "could-not-run"


@pytest.mark.failure("D1")
@pytest.mark.parametrize("expect", ["true", "scalar = 1", "rows = 1", "same as source"])
def test_what_reads_no_table_compares_nothing(expect: str) -> None:
    check = judge(check_of(expect), Reply(["1"], [["1"]], 1, reads_table=False), source(["1"]))
    assert (check.outcome, check.figure) == ("could-not-run", "compares nothing")
