"""README and docs tell the truth: commands exist, links lead somewhere, and what they quote is what the code says."""

from __future__ import annotations

import pathlib
import re
import shlex
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from include.proven.cli.commands import COMMANDS
from include.proven.cli.main import build_parser
from include.proven.engines import ENGINES
from include.proven.engines.grants import PRIVILEGES, backup_grants
from include.proven.proof.verdict import EXIT_STATUS

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "include").rglob("*.md")])
FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACES = {"[FLEET]": "", "[DATABASE]": "", "[POINT]": "", "DATABASE": "shop", "TARGET": "connection:shop"}


def test_there_are_documents() -> None:
    assert len(DOCUMENTS) > 12


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: pathlib.Path) -> None:
    text = document.read_text()
    for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        assert there.exists(), f"{document.name}: {target}"
        if anchor:
            assert anchor in headings(there), f"{document.name}: {target}"


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "docs/development.md"], ids=lambda document: document.name)
def test_every_script_that_is_named_exists(document: pathlib.Path) -> None:
    named = set(re.findall(r"(?<![\w/.])((?:scripts|docker|\.ci)/[a-z-]+)(?![\w/.])", document.read_text())) - {
        "docker/secrets"
    }
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_every_command_of_the_readme_is_one() -> None:
    typed = [line for block in FENCE.findall(README) for line in block.splitlines() if line.startswith("./proven ")]
    tabled = [command for row in re.findall(r"^\| (`\./proven .*?) \|", README, re.MULTILINE) for command in row.split(" · ")]
    assert len(typed) > 3
    assert len(tabled) > 8
    for command in [*typed, *(command.strip("`") for command in tabled)]:
        for place, value in PLACES.items():
            command = command.replace(place, value)
        build_parser().parse_args(shlex.split(command)[1:])


def test_every_command_is_in_the_readme() -> None:
    for command in COMMANDS:
        assert re.search(rf"^\|.*`\./proven {command}\b", README, re.MULTILINE), command


def test_the_readme_quotes_the_grants_of_the_backup_account() -> None:
    assert len(PRIVILEGES) > 3
    for flavour in ENGINES:
        for statement in backup_grants("'proven'@'10.0.0.%'", flavour).splitlines():
            assert statement in README


def test_the_readme_tells_the_exit_statuses() -> None:
    for outcome, status in EXIT_STATUS.items():
        assert re.search(rf"^\| {status} \|.*\b{outcome}\b", README, re.MULTILINE), outcome


def test_every_decision_is_listed_and_says_what_would_change_it() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    records = sorted(folder.glob("[0-9]*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        assert f"]({record.name})" in listed
        assert {"**Chosen:**", "**Over:**", "**It costs**", "**What would change it:**"} <= set(
            re.findall(r"\*\*.+?\*\*", record.read_text())
        )


def test_the_picture_of_the_flow_is_well_formed() -> None:
    picture = ElementTree.parse(ROOT / "docs/images/flow.svg").getroot()  # noqa: S314 - our own file
    assert picture.get("aria-label")


def test_the_scripts_help_is_their_head() -> None:
    for name in ("setup", "test"):
        said = subprocess.run([ROOT / "scripts" / name, "--help"], capture_output=True, text=True, check=True).stdout
        assert said.startswith(f"Usage: scripts/{name}")
        assert "set -" not in said


def headings(document: pathlib.Path) -> set[str]:
    """The anchors that a Markdown renderer gives to a document's headings."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
