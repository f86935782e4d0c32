"""The checks that users write: one SQL file, one question to the restored data.

    -- name: every order has items
    -- protects: revenue reports
    SELECT COUNT(*) = 0 AS orders_without_items FROM …

It passes as `SQLCheckOperator` of Airflow's common-sql provider would have it: there is a first row, and every value in it is
true.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Sequence

from include.proven.agent import protocol
from include.proven.errors import ConfigError
from include.proven.proof.built_in import BUILT_IN
from include.proven.proof.verdict import Check, Severity

RESERVED = frozenset(BUILT_IN)
HEADER = re.compile(r"--\s*(name|protects)\s*:\s*(.*?)\s*$")
NAME = re.compile(r"[^\W_][\w ,.:()'&+-]{0,79}")
TOKEN = re.compile(
    r"""
      (?P<comment> --(?:[ \t][^\n]*|(?=\n|$)) | \#[^\n]* | /\*(?!!).*?\*/ )
    | (?P<quoted>  '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*` )
    | (?P<open>    ['"`] | /\*(?!!) )
    | (?P<end>     ; )
    | (?P<other>   \s+ | [A-Za-z_0-9]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
ZERO = re.compile(r"[+-]?0*\.?0*(?:[eE][+-]?\d+)?")
SELECTS = ("select", "with", "(", "values", "table")


@dataclasses.dataclass(frozen=True)
class UserCheck:
    """One SQL file of `include/checks/<database>/`."""

    name: str
    sql: str
    """The file's text without a closing semicolon."""
    protects: str = ""
    """What hangs on it, in a few words; shown when it fails."""
    file: str = ""
    time_limit: float = 300.0
    """Seconds."""
    severity: Severity = "critical"
    compares_source: bool = False
    """It is asked of the source too, in the dump's snapshot, and both must answer alike."""

    @property
    def question(self) -> protocol.Question:
        """The check as a job takes it."""
        return protocol.Question(name=self.name, sql=self.sql, time_limit=self.time_limit)


def load_checks(folder: pathlib.Path, time_limit: float = 300.0) -> list[UserCheck]:
    """Given a folder, return the checks in its `*.sql` files, by file name; `time_limit` (seconds) goes for each.

    Raise ConfigError, naming a bad one.
    """
    try:
        found = [_load(path, time_limit) for path in sorted(folder.glob("*.sql"))]
    except OSError as error:
        raise ConfigError(f"{folder}: can't be read", detail=str(error), hint="Check its permissions.") from error
    seen: dict[str, UserCheck] = {}
    for check in found:
        if check.name in seen:
            raise ConfigError(
                f"{check.file}: name {check.name!r} is taken by {pathlib.PurePath(seen[check.name].file).name}",
                hint="Give each check a `-- name:` of its own.",
            )
        seen[check.name] = check
    return found


def judge(check: UserCheck, columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Check:
    """Given what a check's query returned (values as the client prints them), return its answer.

    No row, NULL, zero and empty text fail. A check never proves data by itself: it may select a constant.
    """
    if not rows:
        return _failed(check, "no row came back", [])
    values = list(zip(columns, rows[0], strict=True))
    figure = ", ".join(f"{column}={_shown(value)}" for column, value in values)
    wrong = [f"{column} is {_shown(value) or 'empty'}" for column, value in values if not _is_true(value)]
    return _failed(check, figure, wrong) if wrong else Check(name=check.name, outcome="pass", figure=figure)


def _load(path: pathlib.Path, time_limit: float) -> UserCheck:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text", detail=str(error), hint="Save the file as UTF-8.") from error
    header = _header(text)
    name = header.get("name") or path.stem
    if name in RESERVED or not NAME.fullmatch(name):
        raise ConfigError(
            f"{path}: {name!r} can't be the name of a check",
            hint=f"Use up to 80 letters, digits and spaces; {', '.join(sorted(RESERVED))} are Proven's own.",
        )
    protects = header.get("protects", "")
    return UserCheck(name=name, sql=_one_select(path, text), protects=protects, file=str(path), time_limit=time_limit)


def _header(text: str) -> dict[str, str]:
    """Return what the first comment lines say."""
    header: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if match := HEADER.match(line):
            header.setdefault(match[1], match[2])
    return header


def _one_select(path: pathlib.Path, text: str) -> str:
    """Return the statement without the semicolon at its end. Raise ConfigError unless it is one SELECT."""
    end, words = len(text), []
    for token in TOKEN.finditer(text):
        line = text.count("\n", 0, token.start()) + 1
        if token.lastgroup == "open":
            raise ConfigError(f"{path}:{line}: {token[0]} is opened and never closed", hint="Close the quote or the comment.")
        if token.lastgroup == "comment" or token[0].isspace():
            continue
        if end < len(text):
            raise ConfigError(f"{path}:{line}: a second statement begins", hint="Write one SELECT a file.")
        if token.lastgroup == "end":
            end = token.start()
        else:
            words.append(token[0])
    if not words:
        raise ConfigError(f"{path}: there is no SELECT in it", hint="Write one SELECT whose values are true when all is well.")
    if words[0].lower() not in SELECTS:
        raise ConfigError(f"{path}: begins with {words[0][:40]!r}", hint="A check reads only: write one SELECT.")
    return text[:end].strip()


def _is_true(value: str | None) -> bool:
    """Say whether a printed value is true: not NULL, not empty, not zero (a BIT of zero is printed as a zero byte)."""
    if not value or value == "\0":
        return False
    return not (ZERO.fullmatch(value) and any(character == "0" for character in value))


def _shown(value: str | None) -> str:
    return "NULL" if value is None else value[:100]


def _failed(check: UserCheck, figure: str, wrong: list[str]) -> Check:
    hint = f"It protects {check.protects}." if check.protects else ""
    hint = f"{hint} Run the query in {pathlib.PurePath(check.file).name} on source and copy, and compare.".strip()
    return Check(name=check.name, outcome="fail", figure=figure, hint=hint, differences=wrong)
