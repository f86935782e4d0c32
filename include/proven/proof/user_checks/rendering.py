"""Makes one SELECT of each question in a YAML file, and what it must answer.

The questions are those of the operators, with three of their edges taken off: conditions are put in parentheses before they
are joined, a column's name may be any, and the day that an interval begins with is the last whole one *in the data*, for a
drill may restore what is months old. Beside each figure stands how many rows it was made of, for the report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from include.proven.proof.user_checks import expectation, statement
from include.proven.proof.user_checks.check import CheckFileError, require_name
from include.proven.proof.user_checks.expectation import LAST_TRUE, Bound, Expectation, ExpectationError
from include.proven.proof.user_checks.templates import (
    AnyEntry,
    ColumnCheck,
    Comparison,
    IntervalCheck,
    TableCheck,
    ThresholdCheck,
    ValueCheck,
)

Rendered = tuple[str, str, Expectation]
"""Name, SQL, expectation."""

FIGURES = {
    "null_check": "SUM(CASE WHEN {column} IS NULL THEN 1 ELSE 0 END)",
    "distinct_check": "COUNT(DISTINCT {column})",
    "unique_check": "COUNT({column}) - COUNT(DISTINCT {column})",
    "min": "MIN({column})",
    "max": "MAX({column})",
}
RATIOS = {
    "max_over_min": "GREATEST(current_figure, past_figure) / LEAST(current_figure, past_figure)",
    "relative_diff": "ABS(current_figure - past_figure) / past_figure",
}
NOT_IN_NAMES = re.compile(r"[^\w ,.:()'&+-]+")


def render(entry: AnyEntry) -> Iterator[Rendered]:
    """Yield the checks that an entry stands for. Raise CheckFileError if its SQL is not one SELECT, or a name can't be one."""
    match entry:
        case ColumnCheck():
            found = _columns(entry)
        case TableCheck():
            found = _table(entry)
        case ValueCheck():
            found = iter([_value(entry)])
        case ThresholdCheck():
            found = iter([_threshold(entry)])
        case IntervalCheck():
            found = _intervals(entry)
    for name, sql, expect in found:
        yield require_name(" ".join(NOT_IN_NAMES.sub(" ", name).split())), statement.one_select(sql), expect


def _columns(entry: ColumnCheck) -> Iterator[Rendered]:
    for column, checks in entry.column_mapping.items():
        for check, template in FIGURES.items():
            comparison: Comparison | None = getattr(checks, check)
            if comparison is None:
                continue
            figure = template.format(column=_quote(column))
            figure = f"COALESCE({figure}, 0)" if entry.accept_none else figure
            where = _where(entry.partition_clause, comparison.partition_clause)
            sql = f"SELECT COUNT(*) AS rows_seen, {figure} AS `{check}` FROM {entry.table}{where}"
            yield f"{entry.name}: {column} {check}", sql, Expectation("last", tuple(_bounds(comparison)))


def _bounds(comparison: Comparison) -> Iterator[Bound]:
    """Yield what a comparison means; a tolerance moves each limit outwards."""
    for name, sign in (("geq_to", ">="), ("greater_than", ">"), ("leq_to", "<="), ("less_than", "<")):
        value: Decimal | str | None = getattr(comparison, name)
        if value is not None:
            yield Bound(sign, _widen(value, comparison.tolerance, sign))
    if comparison.equal_to is not None:
        yield from _equal(comparison.equal_to, comparison.tolerance)


def _equal(value: Decimal | str, tolerance: float | None) -> Iterator[Bound]:
    if tolerance is None or isinstance(value, str):
        yield Bound("=", value)
    else:
        yield from (Bound(sign, _widen(value, tolerance, sign)) for sign in (">=", "<="))


def _widen(value: Decimal | str, tolerance: float | None, sign: str) -> Decimal | str:
    if tolerance is None or isinstance(value, str):
        return value
    margin = abs(value) * Decimal(str(tolerance))
    return value - margin if sign.startswith(">") else value + margin


def _table(entry: TableCheck) -> Iterator[Rendered]:
    for name, check in entry.checks.items():
        holds = "COALESCE(MIN(holds), 1)" if entry.accept_none else "MIN(holds)"
        # a condition on all rows together gives one row, one on each gives them all: the least of them is the answer to both
        yield (
            f"{entry.name}: {name}",
            f"SELECT COUNT(*) AS compared, COALESCE(SUM(holds = 0), 0) AS broken, {holds} AS holds"
            f" FROM (SELECT CASE WHEN (\n{check.check_statement}\n) THEN 1 ELSE 0 END AS holds"
            f" FROM {entry.table}{_where(entry.partition_clause, check.partition_clause)}) AS checked",
            LAST_TRUE,
        )


def _value(entry: ValueCheck) -> Rendered:
    return entry.name, entry.sql, Expectation("scalar", tuple(_equal(entry.pass_value, entry.tolerance)))


def _threshold(entry: ThresholdCheck) -> Rendered:
    lowest, highest = entry.min_threshold, entry.max_threshold
    if isinstance(lowest, Decimal) and isinstance(highest, Decimal):
        try:
            return entry.name, entry.sql, Expectation("scalar", expectation.between(lowest, highest))
        except ExpectationError as error:
            raise CheckFileError(str(error), error.hint) from None
    least, most = (_subquery(value) if isinstance(value, str) else f"{value:f}" for value in (lowest, highest))
    sql = (
        "SELECT figure, min_threshold, max_threshold, figure BETWEEN min_threshold AND max_threshold AS within"
        f" FROM (SELECT {_subquery(entry.sql)} AS figure, {least} AS min_threshold, {most} AS max_threshold) AS asked"
    )
    return entry.name, sql, LAST_TRUE


def _intervals(entry: IntervalCheck) -> Iterator[Rendered]:
    column, days = _quote(entry.date_filter_column), abs(entry.days_back)
    zero = 1 if entry.ignore_zero else 0
    for metric, most in entry.metrics_thresholds.items():

        def on(back: int, metric: str = metric) -> str:
            first = f"newest.last_whole_day - INTERVAL {back} DAY"
            return f"(SELECT {metric} FROM {entry.table} WHERE {column} >= {first} AND {column} < {first} + INTERVAL 1 DAY)"

        yield (
            f"{entry.name}: {metric.replace('(*)', '')}",
            "SELECT last_whole_day, current_figure, past_figure,"
            f" IF(current_figure = 0 OR past_figure = 0, {zero}, {RATIOS[entry.ratio_formula]} < {most!r}) AS within"
            f" FROM (SELECT last_whole_day, {on(0)} AS current_figure, {on(days)} AS past_figure"
            f" FROM (SELECT DATE(MAX({column})) - INTERVAL 1 DAY AS last_whole_day FROM {entry.table}) AS newest) AS compared",
            LAST_TRUE,
        )


def _where(*clauses: str | None) -> str:
    given = [f"(\n{clause}\n)" for clause in clauses if clause]
    return f" WHERE {' AND '.join(given)}" if given else ""


def _subquery(sql: str) -> str:
    return f"(\n{statement.one_select(sql)}\n)"


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
