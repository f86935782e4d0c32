"""Every kind of page has a runbook, the commands in it exist, and its links lead somewhere, in Airflow's UI too."""

from __future__ import annotations

import pathlib
import re
import shlex

import pytest
from markdown_it import MarkdownIt

from include.proven.cli.main import build_parser
from include.proven.pages.kinds import KINDS, Kind
from proven_airflow import runbooks

ROOT = pathlib.Path(__file__).parents[2]
RUNBOOKS = ROOT / "include" / "runbooks"
SECTIONS = ["Symptom", "What it means", "What is at risk", "First five minutes", "Escalate", "Stand down"]
COMMAND = re.compile(r"\./proven [^`\n;]+")
PROGRAMS = {
    *("./proven", "airflow", "git", "gpg", "mysql"),
    *("chronyc", "df", "du", "ss", "tar", "timedatectl", "umask", "uptime"),
}
"""What a person at an operator's machine may be told to type."""


def commands(text: str) -> list[str]:
    return [match.group().strip() for match in COMMAND.finditer(text)]


def parse(command: str) -> None:
    """Parse a command as a person would type it, with names in the places that are held open."""
    try:
        build_parser().parse_args(shlex.split(re.sub(r"<[a-z ]+>", "shop", command))[1:])
    except SystemExit:
        pytest.fail(f"no such command: {command}")


def read(kind: str) -> str:
    return (RUNBOOKS / f"{kind}.md").read_text()


def code_lines(text: str) -> list[str]:
    """Return every line that stands in a code block of a runbook, or between the steps of a list."""
    fences = [token.content for token in MarkdownIt("commonmark").parse(text) if token.type == "fence"]
    return [line for fence in fences for line in fence.splitlines() if line.strip()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page_has_a_runbook(kind: str) -> None:
    text = read(kind)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [*SECTIONS[:4], *_between(text), *SECTIONS[4:]]


def test_no_runbook_is_without_a_kind() -> None:
    assert {path.stem for path in RUNBOOKS.iterdir()} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_runbook_begins_with_the_page_that_led_to_it(kind: Kind) -> None:
    symptom = " ".join(read(kind.name).partition("## Symptom")[2].partition("## ")[0].split())
    assert f": {kind.title}" in symptom


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_of_a_runbook_exist(kind: str) -> None:
    found = commands(read(kind))
    assert found
    for command in found:
        parse(command)


@pytest.mark.parametrize("kind", KINDS)
def test_code_blocks_hold_known_programs_only(kind: str) -> None:
    lines = code_lines(read(kind))
    assert lines
    assert {line.split()[0] for line in lines} <= PROGRAMS


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_next_command_of_a_page_exists(kind: Kind) -> None:
    parse(kind.command.format(database="shop"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_links_of_a_runbook_lead_somewhere(kind: str) -> None:
    """In the checkout to a file, without anchors; in Airflow's UI to a runbook, and what is not served there is named."""
    targets = re.findall(r"\]\(([^)\s]+)\)", read(kind))
    others = [(RUNBOOKS / target).resolve() for target in targets if target.removesuffix(".md") not in KINDS]
    assert [str(path) for path in others if not path.is_file()] == []
    rendered = runbooks.render(kind)
    assert set(re.findall(r'href="([^"]*)"', rendered)) <= set(KINDS)
    assert len(re.findall("href=", rendered)) == len(targets) - len(others)
    for path in others:
        assert f"(<code>{path.relative_to(ROOT)}</code>)" in rendered


@pytest.mark.parametrize("kind", KINDS)
def test_a_runbook_that_is_named_is_linked(kind: str) -> None:
    text = re.sub(r"```.*?```|\[[^]]*\]\([^)]*\)", "", read(kind), flags=re.DOTALL)
    assert [name for name in KINDS if re.search(rf"\*{name}\*", text)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_of_a_runbook_are_whole(kind: str) -> None:
    for table in re.findall(r"<table>.*?</table>", runbooks.render(kind), re.DOTALL):
        widths = {len(re.findall(r"<t[hd]", row)) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)}
        assert len(widths) == 1
        assert "<td></td>" not in table, "a row has fewer cells than its head"


def _between(text: str) -> list[str]:
    """Return the headings of a runbook's own, between the first five minutes and the escalation."""
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    return headings[4 : headings.index("Escalate")]
