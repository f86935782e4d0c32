"""What a check expects of its answer: the words behind `-- expect:`, and what the templates make of theirs."""

from __future__ import annotations

import dataclasses
import decimal
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from include.proven.fleet import hints

Subject = Literal["true", "scalar", "last", "rows", "source"]
"""`true`: there is a first row, and every value in it is true. `scalar`: the one value. `last`: the last value of the first
row, those before it are told beside it. `rows`: how many there are. `source`: both answer alike."""

FORMS = {
    "true": ["true"],
    "scalar": ["scalar = 42", "scalar >= 1", "scalar != 'lost'", "scalar between 10 and 20"],
    "rows": ["rows = 0", "rows >= 1", "rows between 1 and 100"],
    "same": ["same as source"],
}
HABITS = {"no rows": "rows = 0", "empty": "rows = 0", "none": "rows = 0", "one row": "rows = 1", "source": "same as source"}
"""What people write who have not looked it up."""

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SPELT = {"==": "=", "<>": "!="}
VALUE = r"('(?:[^']|'')*'|[^\s']+)"
COMPARISON = re.compile(rf"(scalar|rows)\s*(<=|>=|==|<>|!=|=|<|>)\s*{VALUE}", re.IGNORECASE)
RANGE = re.compile(rf"(scalar|rows)\s+between\s+{VALUE}\s+and\s+{VALUE}", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


class ExpectationError(ValueError):
    """Words that say no expectation, or one that decides nothing."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


@dataclasses.dataclass(frozen=True)
class Bound:
    """One comparison with a value: numbers as numbers, text as it is printed."""

    operator: str
    value: Decimal | str

    def holds(self, value: str) -> bool:
        """Say whether a printed value keeps to it. Text that is no number keeps to no number."""
        if isinstance(self.value, str):
            return COMPARE[self.operator](value, self.value)
        number = as_number(value)
        return number is not None and COMPARE[self.operator](number, self.value)

    def __str__(self) -> str:
        return f"{self.operator} " + (f"'{self.value}'" if isinstance(self.value, str) else f"{self.value:f}")


@dataclasses.dataclass(frozen=True)
class Expectation:
    """What an answer is measured by."""

    subject: Subject
    bounds: tuple[Bound, ...] = ()
    """All of them must hold. None, for `last`: the value must be true."""

    def __str__(self) -> str:
        if not self.bounds:
            return "same as source" if self.subject == "source" else "true"
        return f"{self.subject} {' and '.join(map(str, self.bounds))}"


ALL_TRUE = Expectation("true")
LAST_TRUE = Expectation("last")
SAME_AS_SOURCE = Expectation("source")


def parse(text: str) -> Expectation:
    """Given the words behind `expect:`, return the expectation. Raise ExpectationError, with a hint."""
    words = " ".join(text.split()).lower()
    if words in {"true", "same as source"}:
        return ALL_TRUE if words == "true" else SAME_AS_SOURCE
    if match := COMPARISON.fullmatch(text.strip()):
        return _bounded(match[1], Bound(SPELT.get(match[2], match[2]), _value(match[3])))
    if match := RANGE.fullmatch(text.strip()):
        return _bounded(match[1], *between(_value(match[2]), _value(match[3])))
    raise ExpectationError(f"{text!r} is no expectation", _suggest(words))


def between(lowest: Decimal | str, highest: Decimal | str) -> tuple[Bound, Bound]:
    """Return the bounds of a range, both ends in it. Raise ExpectationError if nothing is in it."""
    if type(lowest) is not type(highest):
        raise ExpectationError("a range from a number to a text has no order", "Write two numbers, or two texts in quotes.")
    if COMPARE[">"](lowest, highest):
        raise ExpectationError(f"nothing is between {lowest} and {highest}", "Write the smaller one first.")
    return Bound(">=", lowest), Bound("<=", highest)


def as_number(value: str) -> Decimal | None:
    """Return a printed number, None if it is none."""
    try:
        return Decimal(value) if NUMBER.fullmatch(value) else None
    except decimal.InvalidOperation:
        return None


def _value(written: str) -> Decimal | str:
    if written.startswith("'"):
        return written[1:-1].replace("''", "'")
    number = as_number(written)
    if number is None:
        raise ExpectationError(f"{written!r} is no number", f"Put a text in quotes: '{written}'.")
    return number


def _bounded(subject: str, *bounds: Bound) -> Expectation:
    if subject.lower() == "scalar":
        return Expectation("scalar", bounds)
    for bound in bounds:
        if isinstance(bound.value, str) or bound.value != bound.value.to_integral_value() or bound.value < 0:
            raise ExpectationError(f"there can't be {bound.value} rows", "Write a whole number: rows = 0, rows >= 1.")
    if str(bounds[0]) in {">= 0", "< 0"} and len(bounds) == 1:
        said = "is always so" if bounds[0].operator == ">=" else "is never so"
        raise ExpectationError(f"'rows {bounds[0]}' {said}: it asks nothing", _suggest("rows"))
    return Expectation("rows", bounds)


def _suggest(words: str) -> str:
    if words in HABITS:
        return f"Did you mean {HABITS[words]!r}?"
    if words[:1] in "=<>!" and words:
        return f"Did you mean 'scalar {words}'?"
    first = words.split(" ")[0]
    if first in FORMS:
        return f"It is written so: {'; '.join(FORMS[first])}."
    if (hint := hints.suggest(first, FORMS)).startswith("Did"):
        return hint
    return f"It is written so: {'; '.join(form for forms in FORMS.values() for form in forms)}."
