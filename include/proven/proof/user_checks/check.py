"""One check of a user's, and what is wrong with the file of one that can't be read."""

from __future__ import annotations

import dataclasses
import re

from include.proven.agent import protocol
from include.proven.proof import moments
from include.proven.proof.built_in import BUILT_IN
from include.proven.proof.user_checks.expectation import ALL_TRUE, Expectation
from include.proven.proof.verdict import Severity

UNREADABLE = "user checks"
"""Stands for a database's own checks while their files can't be read: it can't be run, and says why."""
RESERVED = frozenset({*BUILT_IN, UNREADABLE, moments.NAME})
NAME = re.compile(r"[^\W_][\w ,.:()'&+-]{0,79}")


class CheckFileError(Exception):
    """One thing that is wrong with a file of checks: what, what to do about it, and the line (0: the file as a whole)."""

    def __init__(self, what: str, hint: str = "", line: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.line = line


@dataclasses.dataclass(frozen=True)
class UserCheck:
    """One question to the restored data."""

    name: str
    sql: str
    """One SELECT, without a closing semicolon and without the file's header."""
    protects: str = ""
    """What hangs on it, in a few words; shown when it fails."""
    file: str = ""
    time_limit: float = 300.0
    """Seconds."""
    severity: Severity = "critical"
    expect: Expectation = ALL_TRUE

    @property
    def compares_source(self) -> bool:
        """It is asked of the source too, in the dump's snapshot, and both must answer alike."""
        return self.expect.subject == "source"

    @property
    def question(self) -> protocol.Question:
        """The check as a job takes it."""
        return protocol.Question(name=self.name, sql=self.sql, time_limit=self.time_limit)


def require_name(name: str, line: int = 0) -> str:
    """Return the name as it is. Raise CheckFileError if no check may be called so."""
    if name not in RESERVED and NAME.fullmatch(name):
        return name
    hint = f"Use up to 80 letters, digits and spaces; {', '.join(sorted(RESERVED))} are Proven's own."
    raise CheckFileError(f"{name!r} can't be the name of a check", hint, line)
