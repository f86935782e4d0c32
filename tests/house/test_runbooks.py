"""Every kind of page has a runbook, and the commands in it exist."""

from __future__ import annotations

import pathlib
import re
import shlex

import pytest

from include.proven.cli.main import build_parser
from include.proven.pages.kinds import KINDS, Kind

RUNBOOKS = pathlib.Path(__file__).parents[2] / "include" / "runbooks"
SECTIONS = ["Symptom", "What it means", "What is at risk", "First five minutes", "Escalate", "Stand down"]
COMMAND = re.compile(r"\./proven [^`\n;]+")


def commands(text: str) -> list[str]:
    return [match.group().strip() for match in COMMAND.finditer(text)]


def parse(command: str) -> None:
    """Parse a command as a person would type it, with names in the places that are held open."""
    words = [re.sub(r"<[a-z ]+>", "shop", word) for word in shlex.split(command)[1:]]
    try:
        build_parser().parse_args(words)
    except SystemExit:
        pytest.fail(f"no such command: {command}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page_has_a_runbook(kind: str) -> None:
    text = (RUNBOOKS / f"{kind}.md").read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [*SECTIONS[:4], *_between(text), *SECTIONS[4:]]


def test_no_runbook_is_without_a_kind() -> None:
    assert {path.stem for path in RUNBOOKS.iterdir()} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_of_a_runbook_exist(kind: str) -> None:
    found = commands((RUNBOOKS / f"{kind}.md").read_text())
    assert found
    for command in found:
        parse(command)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_next_command_of_a_page_exists(kind: Kind) -> None:
    parse(kind.command.format(database="shop"))


def _between(text: str) -> list[str]:
    """Return the headings of a runbook's own, between the first five minutes and the escalation."""
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    return headings[4 : headings.index("Escalate")]
