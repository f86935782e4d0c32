"""The header of an SQL file: its first lines, `-- key: value`."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import cast, get_args

from include.proven.fleet import fields, hints
from include.proven.proof.user_checks import expectation
from include.proven.proof.user_checks.check import CheckFileError, require_name
from include.proven.proof.user_checks.expectation import ALL_TRUE, Expectation
from include.proven.proof.verdict import Severity

KEYS = ("name", "protects", "severity", "time limit", "expect")
LINE = re.compile(r"--[ \t]+([A-Za-z][A-Za-z _-]{0,24}?)[ \t]*:(?:[ \t]+(.*?))?[ \t]*")
REMARK = "Begin a remark with '#', or write it below the header, after an empty line."


@dataclasses.dataclass(frozen=True)
class Header:
    """What a file's first lines say."""

    name: str
    protects: str = ""
    severity: Severity = "critical"
    time_limit: float | None = None
    """Seconds."""
    expect: Expectation = ALL_TRUE


def parse(text: str, default_name: str) -> Header:
    """Return the header of an SQL file. Raise CheckFileError for what it may not say."""
    written = _read(text)
    name, line = written.get("name", (default_name, 0))
    return Header(
        name=require_name(name, line),
        protects=written.get("protects", ("", 0))[0],
        severity=_severity(*written["severity"]) if "severity" in written else "critical",
        time_limit=_seconds(*written["time limit"]) if "time limit" in written else None,
        expect=_expectation(*written["expect"]) if "expect" in written else ALL_TRUE,
    )


def is_key_line(line: str) -> bool:
    """Say whether a comment looks like a line of the header: below it, it would be overlooked."""
    match = LINE.fullmatch(line.strip())
    return match is not None and match[1].lower() in KEYS


def _read(text: str) -> dict[str, tuple[str, int]]:
    """Return key → (value, line). The header ends with the first line that is no `--` comment; empty ones before it don't
    count."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() and not found:
            continue
        if not line.startswith("--"):
            break
        if match := LINE.fullmatch(line):
            key, value = match[1].lower(), match[2] or ""
            if key not in KEYS:
                hint = hints.suggest(key, KEYS, noun="keys")
                hint = hint if hint.startswith("Did") else f"{hint} {REMARK}"
                raise CheckFileError(f"{match[1]!r} is no key of a check's header", hint, number)
            if key in found:
                raise CheckFileError(f"{key!r} stands here a second time", "Keep one of the two.", number)
            if not value:
                raise CheckFileError(f"{key!r} says nothing", "Write its value behind the colon, or remove the line.", number)
            found[key] = value, number
    return found


def _severity(value: str, line: int) -> Severity:
    choices = get_args(Severity)
    if value not in choices:
        what = f"{value!r} is no severity: {' or '.join(choices)}"
        raise CheckFileError(what, hints.suggest(value, choices, noun="severities"), line)
    return cast(Severity, value)


def _seconds(value: str, line: int) -> float:
    try:
        return cast(datetime.timedelta, fields.parse_duration(value)).total_seconds()
    except ValueError as error:
        raise CheckFileError(f"{value!r} {error}", "Write such as -- time limit: 90s", line) from None


def _expectation(value: str, line: int) -> Expectation:
    try:
        return expectation.parse(value)
    except expectation.ExpectationError as error:
        raise CheckFileError(str(error), error.hint, line) from None
