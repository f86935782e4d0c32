"""The users' own checks in a drill: which there are, and how answers are recorded, whoever asks (an agent, or Airflow)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from include.proven import drill_evidence
from include.proven.errors import ConfigError
from include.proven.installation import Installation
from include.proven.proof.user_checks.check import UNREADABLE, UserCheck
from include.proven.proof.verdict import Check, Severity

if TYPE_CHECKING:
    from include.proven.drill import Drill


def names(installation: Installation, database: str) -> list[str]:
    """Return the names of a database's own checks. Where their files can't be read, one name stands for them all: everything
    else is checked all the same, and asking it says what is wrong."""
    try:
        return [check.name for check in installation.user_checks(database)]
    except ConfigError:
        return [UNREADABLE]


def answer(installation: Installation, drill: Drill, name: str, ask: Callable[[UserCheck], Check]) -> Check:
    """Have one check asked, record its answer, and return it. Raise as `drill_evidence.answer` does."""

    def find_and_ask() -> Check:
        return ask(_find(installation, drill.database, name))

    severity = _severity(installation, drill.database, name)
    return drill_evidence.answer(installation, drill, name, find_and_ask, severity=severity)


def _find(installation: Installation, database: str, name: str) -> UserCheck:
    for check in installation.user_checks(database):
        if check.name == name:
            return check
    hint = "Its files were changed while the drill ran: drill again."
    raise ConfigError(f"{database}: there is no check {name!r} any more", hint=hint)


def _severity(installation: Installation, database: str, name: str) -> Severity:
    try:
        return _find(installation, database, name).severity
    except ConfigError:
        return "critical"  # asking it says why
