"""What a YAML file of checks may say: the words of Airflow's operators in `airflow.providers.common.sql.operators.sql`.

The operators themselves are not used: `include/` imports no Airflow (the command line drills without it), they want a
connection of their own, and they raise in place of telling what they saw. `rendering.py` makes the same questions.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

import pydantic

from include.proven.fleet.fields import Duration, Model, Text
from include.proven.proof.user_checks.expectation import as_number
from include.proven.proof.verdict import Severity

TABLE = re.compile(r"(`(?:[^`]|``)+`|[\w$]+)\.(`(?:[^`]|``)+`|[\w$]+)")


def parse_scalar(value: object) -> Decimal | str:
    """Given a number, or a text, return it; a text that spells a number is one. Raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number or a text")  # noqa: TRY004 - pydantic turns only this one into a finding
    number = as_number(str(value).strip())
    return str(value) if number is None else number


def quote_table(value: str) -> str:
    """Given `shop.orders`, return it quoted. Raise ValueError unless it names schema and table."""
    match = TABLE.fullmatch(value.strip())
    if not match:
        raise ValueError("is no table: write its schema too, shop.orders (odd names in backticks)")
    return ".".join(part if part.startswith("`") else f"`{part}`" for part in match.groups())


Scalar = Annotated[Decimal | str, pydantic.PlainValidator(parse_scalar, json_schema_input_type=float | str)]
Table = Annotated[Text, pydantic.AfterValidator(quote_table)]


class Comparison(Model):
    """What one figure of a column must be."""

    equal_to: Scalar | None = None
    """It must be exactly this."""
    greater_than: Scalar | None = None
    """It must be more."""
    geq_to: Scalar | None = None
    """It must be this or more."""
    less_than: Scalar | None = None
    """It must be less."""
    leq_to: Scalar | None = None
    """It must be this or less."""
    tolerance: float | None = pydantic.Field(default=None, ge=0)
    """How far off it may be, as a fraction of the value: 0.1 is a tenth."""
    partition_clause: Text | None = None
    """Only rows for which this condition holds."""

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Comparison:
        given = [name for name in ("greater_than", "geq_to", "less_than", "leq_to") if getattr(self, name) is not None]
        if not given and self.equal_to is None:
            raise ValueError("compares nothing: write equal_to, greater_than, geq_to, less_than or leq_to")
        if given and self.equal_to is not None:
            raise ValueError(f"has equal_to and {given[0]}: write one of them")
        for pair in (("greater_than", "geq_to"), ("less_than", "leq_to")):
            if set(pair) <= set(given):
                raise ValueError(f"has {pair[0]} and {pair[1]}: write one of them")
        if len(given) == 2:
            self._require_room(*given)
        if self.tolerance is not None and isinstance(getattr(self, given[0] if given else "equal_to"), str):
            raise ValueError("has a tolerance, which goes with numbers only")
        return self

    def _require_room(self, lower: str, upper: str) -> None:
        lowest, highest = getattr(self, lower), getattr(self, upper)
        if type(lowest) is not type(highest):
            raise ValueError(f"compares with a number ({lower} or {upper}) and with a text")
        if lowest > highest or (lowest == highest and (lower, upper) != ("geq_to", "leq_to")):
            raise ValueError(f"can never hold: {lower} {lowest} and {upper} {highest}")


class ColumnChecks(Model):
    """What is asked of one column; each is a check of its own."""

    null_check: Comparison | None = None
    """How many rows have none (NULL)."""
    distinct_check: Comparison | None = None
    """How many different values there are."""
    unique_check: Comparison | None = None
    """How many values stand there a second time: `equal_to: 0`."""
    min: Comparison | None = None
    """The smallest value."""
    max: Comparison | None = None
    """The largest value."""

    @pydantic.model_validator(mode="after")
    def _asks(self) -> ColumnChecks:
        if not self.model_fields_set:
            raise ValueError("asks nothing: write null_check, distinct_check, unique_check, min or max")
        return self


class Entry(Model):
    """What every entry may say."""

    name: Text
    """How its checks are called; column, check or metric are added where there are several."""
    protects: str = ""
    """What hangs on it; shown when it fails."""
    severity: Severity = "critical"
    """A `warning` that fails is told, and refutes nothing."""
    time_limit: Duration | None = None
    """The longest that each may take; unset: `proof.check_time_limit` of the database."""


class ColumnCheck(Entry):
    """As SQLColumnCheckOperator: figures of columns."""

    kind: Literal["column_check"]
    """Figures of columns."""
    table: Table
    """Schema and table: shop.orders."""
    column_mapping: Annotated[dict[Text, ColumnChecks], pydantic.Field(min_length=1)]
    """Column, and what is asked of it."""
    partition_clause: Text | None = None
    """Only rows for which this condition holds."""
    accept_none: bool = True
    """No row gives no figure: counts as 0. Off: it fails."""


class Statement(Model):
    """One condition."""

    check_statement: Text
    """It must hold: of all rows together (COUNT(*) > 10), or of every single one (paid <= total)."""
    partition_clause: Text | None = None
    """Only rows for which this condition holds."""


class TableCheck(Entry):
    """As SQLTableCheckOperator: conditions on a table."""

    kind: Literal["table_check"]
    """Conditions on a table."""
    table: Table
    """Schema and table: shop.orders."""
    checks: Annotated[dict[Text, Statement], pydantic.Field(min_length=1)]
    """Name and condition."""
    partition_clause: Text | None = None
    """Only rows for which this condition holds."""
    accept_none: bool = False
    """A condition on every row holds where there is none. Off: it fails then."""


class ValueCheck(Entry):
    """As SQLValueCheckOperator: one value."""

    kind: Literal["value_check"]
    """One value."""
    sql: Text
    """One SELECT of one value."""
    pass_value: Scalar
    """What it must be."""
    tolerance: float | None = pydantic.Field(default=None, ge=0)
    """How far off it may be, as a fraction of the value: 0.1 is a tenth."""


class ThresholdCheck(Entry):
    """As SQLThresholdCheckOperator: one value between two."""

    kind: Literal["threshold_check"]
    """One value between two."""
    sql: Text
    """One SELECT of one value."""
    min_threshold: Scalar
    """The least it may be: a number, or a SELECT of one."""
    max_threshold: Scalar
    """The most it may be: a number, or a SELECT of one."""


class IntervalCheck(Entry):
    """As SQLIntervalCheckOperator: figures of the last whole day in the data against those of some days before."""

    kind: Literal["interval_check"]
    """Figures of a day against those of another."""
    table: Table
    """Schema and table: shop.orders."""
    metrics_thresholds: Annotated[dict[Text, Annotated[float, pydantic.Field(gt=0)]], pydantic.Field(min_length=1)]
    """Figure (COUNT(*)), and the ratio that it must stay below."""
    date_filter_column: Text = "ds"
    """Column with the date or the time."""
    days_back: int = -7
    """How many days before."""
    ratio_formula: Literal["max_over_min", "relative_diff"] = "max_over_min"
    """The larger by the smaller, or the difference by the earlier."""
    ignore_zero: bool = True
    """A figure of zero on either day passes. Off: it fails."""

    @pydantic.field_validator("days_back")
    @classmethod
    def _some(cls, value: int) -> int:
        if value == 0:
            raise ValueError("compares a day with itself")
        return value


AnyEntry = Annotated[
    ColumnCheck | TableCheck | ValueCheck | ThresholdCheck | IntervalCheck, pydantic.Field(discriminator="kind")
]


class CheckFile(Model):
    """A file of checks, `include/checks/<database>/*.yaml`."""

    checks: Annotated[list[AnyEntry], pydantic.Field(min_length=1)]
    """Each becomes one check, or several."""
