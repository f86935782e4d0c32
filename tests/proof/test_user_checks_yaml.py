"""YAML checks speak the words of Airflow's operators, and say on real servers what those would."""

from __future__ import annotations

import pathlib

import jsonschema
import pytest
import yaml

from include.proven.errors import ConfigError
from include.proven.proof.user_checks import yaml_file
from include.proven.proof.user_checks.check import UserCheck
from include.proven.proof.user_checks.loading import find_faults, load_checks
from tests.proof.asking import ask
from tests.servers.databases import DatabaseServer

SHOP = pathlib.Path(__file__).parents[2] / "include" / "checks" / "shop"

COLUMNS = """\
checks:
  - kind: column_check
    name: prices
    protects: the catalogue
    severity: warning
    time_limit: 90s
    table: {schema}.prices
    partition_clause: id < 100 OR id > 200
    column_mapping:
      price:
        null_check: {{equal_to: 1, partition_clause: id < 4 OR id = 150}}
        distinct_check: {{geq_to: 3}}
        min: {{greater_than: -6, leq_to: -5}}
        max: {{equal_to: 40, tolerance: 0.1}}
      sku:
        unique_check: {{equal_to: {doubled}}}
        max: {{leq_to: c}}
"""
TABLE = """\
checks:
  - kind: table_check
    name: prices
    table: {schema}.prices
    partition_clause: price IS NOT NULL
    checks:
      enough: {{check_statement: COUNT(*) >= {least}}}
      no jump: {{check_statement: price < {most}, partition_clause: id < 100 OR id = 150}}
  - kind: table_check
    name: empty
    table: {schema}.prices
    partition_clause: id > 1000
    accept_none: {accept_none}
    checks: {{bounded: {{check_statement: price < 5}}}}
"""
VALUES = """\
checks:
  - {{kind: value_check, name: number, sql: SELECT COUNT(*) FROM {schema}.prices;, pass_value: {number}, tolerance: 0.2}}
  - {{kind: value_check, name: text, sql: SELECT MIN(sku) FROM {schema}.prices, pass_value: {text}}}
  - {{kind: threshold_check, name: bounds, sql: SELECT COUNT(*) FROM {schema}.prices, min_threshold: 1, max_threshold: {most}}}
  - kind: threshold_check
    name: other bounds
    sql: SELECT COUNT(*) FROM {schema}.prices -- as many as there are
    min_threshold: SELECT COUNT(DISTINCT sku) FROM {schema}.prices
    max_threshold: {most}
"""
INTERVAL = """\
checks:
  - kind: interval_check
    name: pace
    table: {schema}.visits
    date_filter_column: at
    days_back: {days}
    ratio_formula: {formula}
    ignore_zero: {ignore_zero}
    metrics_thresholds: {{COUNT(*): {most}, SUM(seconds): 100}}
"""


@pytest.fixture(scope="module")
def schema(source: DatabaseServer) -> str:
    """Seven prices; visits of two weeks, twice as many on the last whole day as seven days before, none eight days before."""
    name = source.fresh_schema("checks")
    source.sql(
        "CREATE TABLE prices (id INT PRIMARY KEY, sku VARCHAR(10), price DECIMAL(8,2));"
        "INSERT INTO prices VALUES (1, 'a', 10), (2, 'b', NULL), (3, 'b', -5), (4, 'c', 41.5), (5, 'c', 10), (6, NULL, 7),"
        " (150, 'z', NULL);"
        "CREATE TABLE visits (at DATETIME, seconds INT);"
        "INSERT INTO visits VALUES ('2024-02-20 10:00:00', 5), ('2024-02-21 23:59:59', 5), ('2024-02-28 00:00:00', 3),"
        " ('2024-02-28 23:59:59', 4), ('2024-02-29 00:00:01', 5), ('2024-02-29 01:00:00', 5), ('2024-02-29 02:00:00', 5);",
        name,
    )
    return name


def load(folder: pathlib.Path, template: str, /, **values: object) -> list[UserCheck]:
    (folder / "checks.yaml").write_text(template.format(**values))
    return load_checks(folder)


def outcomes(source: DatabaseServer, checks: list[UserCheck]) -> dict[str, str]:
    return {check.name: ask(source, check).outcome for check in checks}


@pytest.mark.parametrize(("doubled", "failing"), [(2, set()), (0, {"prices: sku unique_check"})])
def test_column_checks(source: DatabaseServer, schema: str, tmp_path: pathlib.Path, doubled: int, failing: set[str]) -> None:
    checks = load(tmp_path, COLUMNS, schema=schema, doubled=doubled)
    found = outcomes(source, checks)
    assert set(found) == {
        *(f"prices: price {figure}" for figure in ("null_check", "distinct_check", "min", "max")),
        *(f"prices: sku {figure}" for figure in ("unique_check", "max")),
    }
    assert {name for name, outcome in found.items() if outcome != "pass"} == failing
    assert {(check.protects, check.severity, check.time_limit) for check in checks} == {("the catalogue", "warning", 90.0)}


def test_a_column_check_says_of_how_many_rows(source: DatabaseServer, schema: str, tmp_path: pathlib.Path) -> None:
    check = load(tmp_path, COLUMNS, schema=schema, doubled=0)[-2]
    answer = ask(source, check)
    assert (answer.figure, answer.differences) == ("rows_seen=6, unique_check=2", ["unique_check is 2, expected = 0"])


@pytest.mark.parametrize(
    ("least", "most", "accept_none", "failing"),
    [(5, 50, "true", set()), (6, 41, "false", {"prices: enough", "prices: no jump", "empty: bounded"})],
)
def test_table_checks(
    source: DatabaseServer, schema: str, tmp_path: pathlib.Path, least: int, most: int, accept_none: str, failing: set[str]
) -> None:
    checks = load(tmp_path, TABLE, schema=schema, least=least, most=most, accept_none=accept_none)
    found = outcomes(source, checks)
    assert len(found) == 3
    assert {name for name, outcome in found.items() if outcome != "pass"} == failing


@pytest.mark.parametrize(
    ("number", "text", "most", "failing"),
    [(8, "a", 7, set()), (9, "A", 6, {"number", "text", "bounds", "other bounds"})],
)
def test_values_and_thresholds(
    source: DatabaseServer, schema: str, tmp_path: pathlib.Path, number: int, text: str, most: int, failing: set[str]
) -> None:
    found = outcomes(source, load(tmp_path, VALUES, schema=schema, number=number, text=text, most=most))
    assert len(found) == 4
    assert {name for name, outcome in found.items() if outcome != "pass"} == failing


@pytest.mark.parametrize(
    ("days", "formula", "most", "ignore_zero", "outcome"),
    [
        (-7, "max_over_min", 2.1, "true", "pass"),
        (7, "max_over_min", 2, "true", "fail"),
        (7, "relative_diff", 1.1, "true", "pass"),
        (7, "relative_diff", 1, "true", "fail"),
        (6, "max_over_min", 2, "true", "pass"),
        (6, "max_over_min", 2, "false", "fail"),
    ],
)
def test_intervals_end_with_the_last_whole_day_of_the_data(
    source: DatabaseServer,
    schema: str,
    tmp_path: pathlib.Path,
    days: int,
    formula: str,
    most: float,
    ignore_zero: str,
    outcome: str,
) -> None:
    checks = load(tmp_path, INTERVAL, schema=schema, days=days, formula=formula, most=most, ignore_zero=ignore_zero)
    answer = ask(source, checks[0])
    assert (checks[0].name, answer.outcome) == ("pace: COUNT", outcome)
    assert "last_whole_day=2024-02-28, current_figure=2" in answer.figure


ENTRY = "  - {{kind: column_check, name: prices, table: {table}, column_mapping: {{price: {{{checks}}}}}}}\n"


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "is empty", ""),
        ("checks: []", "checks: is empty", ""),
        ("cheks:\n  - {}", "cheks: is no key", "Did you mean 'checks'?"),
        ("checks:\n  - {kind: colum_check}", "'colum_check' is not column_check", "Did you mean 'column_check'?"),
        ("checks:\n" + ENTRY.format(table="prices", checks="min: {geq_to: 1}"), "'prices' is no table", "shop.orders"),
        ("checks:\n" + ENTRY.format(table="s.t", checks="mn: {geq_to: 1}"), "price.mn: is no key", "Did you mean 'min'?"),
        ("checks:\n" + ENTRY.format(table="s.t", checks="min: {gt: 1}"), "min.gt: is no key", "keys here are"),
        ("checks:\n" + ENTRY.format(table="s.t", checks="min: {}"), "compares nothing", ""),
        ("checks:\n" + ENTRY.format(table="s.t", checks="min: {geq_to: 1, equal_to: 1}"), "equal_to and geq_to", ""),
        ("checks:\n" + ENTRY.format(table="s.t", checks="min: {geq_to: 2, less_than: 2}"), "can never hold", ""),
        ("checks:\n" + ENTRY.format(table="s.t", checks="min: {geq_to: b, tolerance: 0.1}"), "numbers only", ""),
        ("checks:\n  - {kind: value_check, name: n, sql: DELETE FROM t, pass_value: 1}", "begins with 'DELETE'", "reads only"),
        ("checks:\n  - {kind: value_check, name: objects, sql: SELECT 1, pass_value: 1}", "can't be the name", "Proven's own"),
        (
            "checks:\n  - {kind: table_check, name: n, table: a.b, checks: {x: {check_statement: 'a = 1; DROP TABLE b'}}}",
            "a second statement begins",
            "",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_a_hint(tmp_path: pathlib.Path, text: str, what: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text.replace("{", "{{").replace("}", "}}"))
    told = str(caught.value)
    assert f"{tmp_path / 'checks.yaml'}:" in told
    assert what in told
    assert hint in told


def test_names_of_both_kinds_of_files_must_differ(tmp_path: pathlib.Path) -> None:
    (tmp_path / "z.sql").write_text("-- name: number\nSELECT 1")
    (tmp_path / "a.yml").write_text("checks: [{kind: value_check, name: number, sql: SELECT 1, pass_value: 1}]")
    assert [fault.what for fault in find_faults(tmp_path)] == ["name 'number' is taken by a.yml"]


def test_the_schema_file_is_what_the_models_say() -> None:
    again = "run: python -m include.proven.proof.user_checks.yaml_file"
    assert yaml_file.SCHEMA.read_text() == yaml_file.render_schema(), again


def test_the_shops_file_names_the_schema_and_passes_it() -> None:
    (path,) = SHOP.glob("*.yaml")
    first, _, text = path.read_text().partition("\n")
    assert (path.parent / first.removeprefix("# yaml-language-server: $schema=")).samefile(yaml_file.SCHEMA)
    validator = jsonschema.Draft202012Validator(yaml.safe_load(yaml_file.SCHEMA.read_text()))
    validator.validate(yaml.safe_load(text))
    assert list(validator.iter_errors({"checks": [{"kind": "value_check"}]}))
