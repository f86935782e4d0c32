"""The arrow: dags → plugins/proven_airflow → include/proven → include/proven/agent. Never back."""

from __future__ import annotations

import ast
import pathlib
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[2]
AGENT = ROOT / "include" / "proven" / "agent"


def sources(*folders: str) -> list[pathlib.Path]:
    """Return every Python file below the folders, relative to the root. The folders must exist and hold some."""
    files = sorted(file.relative_to(ROOT) for folder in folders for file in (ROOT / folder).rglob("*.py"))
    assert files, f"no Python file below {folders}: this test looks in the wrong place"
    return files


def imports(file: pathlib.Path) -> Iterator[tuple[int, str]]:
    """Yield level (number of leading dots) and name of every import of a file, those inside functions included."""
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""
            # `from include import x` names a module too
            yield from ((node.level, f"{node.module}.{alias.name}") for alias in node.names if node.module)


def tops(file: pathlib.Path) -> set[str]:
    """Return the top-level packages that a file imports absolutely."""
    return {name.partition(".")[0] for level, name in imports(file) if level == 0}


@pytest.mark.parametrize("file", sources("include/proven/agent"), ids=str)
def test_the_agent_imports_only_the_standard_library_and_itself(file: pathlib.Path) -> None:
    assert tops(file) <= sys.stdlib_module_names
    assert {level for level, _ in imports(file)} <= {0, 1}, "a relative import that leaves the package breaks the zipapp"


@pytest.mark.parametrize("file", sources("include"), ids=str)
def test_the_library_never_imports_airflow_nor_what_stands_above_it(file: pathlib.Path) -> None:
    assert not tops(file) & {"airflow", "proven_airflow", "plugins", "dags", "tests"}


@pytest.mark.parametrize("file", sources("plugins"), ids=str)
def test_the_edge_never_imports_dags(file: pathlib.Path) -> None:
    assert not tops(file) & {"dags", "tests"}


@pytest.mark.parametrize("file", sources("dags"), ids=str)
def test_dags_are_wiring_on_top_of_the_edge(file: pathlib.Path) -> None:
    assert not {name for _, name in imports(file) if name.startswith("include.proven.agent")}
