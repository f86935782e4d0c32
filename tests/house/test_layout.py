"""The house: what lies at its top, scripts that say how to use them, and nothing of the machine that it was built on."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TOP = {
    *(".ci", ".dockerignore", ".gitignore"),
    *("CHANGELOG.md", "Dockerfile", "LICENSE", "README.md", "docker-compose.yaml", "proven", "pyproject.toml"),
    *(
        f"requirements{part}.{kind}"
        for part in ("", "-dev", "-keystone", "-openstack", "-openstack-libvirt", "-swift", "-uv")
        for kind in ("in", "txt")
    ),
    *("dags", "docker", "docs", "include", "plugins", "scripts", "tests"),
}
SCRIPTS = [
    "proven",
    ".ci/run",
    *(f"scripts/{name}" for name in ("bench", "fetch-keystone", "fetch-mysql", "fetch-openstack", "lint", "lock", "setup")),
    *(f"scripts/{name}" for name in ("failures", "prove-the-proof", "test", "test-faults", "test-openstack", "test-pages")),
]
OF_A_MACHINE = re.compile(r"/root/\.|/work/(main|steering)|/fa[r]m/|https?://[a-z.]*(debian|pypi|pythonhosted|npmjs)\.")


def tracked() -> list[pathlib.Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listing.split("\0") if name]
    assert len(files) > 100, "git knows hardly any file: this test looks in the wrong place"
    return [file for file in files if file.exists()]


def test_the_top_level_holds_what_the_architecture_says_and_nothing_else() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in tracked()} == TOP


def test_dag_files_are_wiring_with_nothing_beside_them() -> None:
    assert {file.suffix for file in (ROOT / "dags").iterdir() if file.name != "__pycache__"} == {".py"}
    assert not [line for file in (ROOT / "dags").glob("*.py") for line in file.read_text().splitlines() if "def " in line]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_run_and_says_how(name: str) -> None:
    script = ROOT / name
    assert os.access(script, os.X_OK)
    first, second, *_ = script.read_text().splitlines()
    assert first.startswith("#!")
    assert re.match(r"# (Usage: |Given )\S", second), f"{name}: line 2 says how it is used"


def test_every_file_in_scripts_is_a_known_script() -> None:
    assert {f"scripts/{file.name}" for file in (ROOT / "scripts").iterdir()} == {name for name in SCRIPTS if "scripts/" in name}


def test_no_file_names_a_path_of_a_machine_or_the_host_of_a_registry() -> None:
    found = []
    for file in tracked():
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(ROOT)}:{number}" for number, line in enumerate(lines, 1) if OF_A_MACHINE.search(line)]
    assert not found


def test_no_secret_file_is_tracked() -> None:
    assert not [file for file in tracked() if "docker/secrets" in str(file) or file.name == ".env" or file.suffix == ".asc"]


def test_the_licence_is_apache_2_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
