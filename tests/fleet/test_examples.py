"""Every fleet that we ship can be loaded, and the editor's schema agrees with the loader."""

from __future__ import annotations

import copy
import pathlib
from typing import Any

import jsonschema
import pytest
import yaml

from include.proven.fleet import load, schema, source

ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = [ROOT / "include" / "fleet.yaml", *sorted((ROOT / "docs" / "examples").glob("*.yaml"))]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVEN_GNUPG_HOME", "/keys")
    monkeypatch.setenv("PROVEN_RECIPIENT", "backup@proven.invalid")
    monkeypatch.setenv("PROVEN_ESCROW_RECIPIENT", "escrow@proven.invalid")


def as_written(path: pathlib.Path) -> Any:
    """Return a file's values as an editor sees them: `${NAME}` stays."""
    return yaml.load(path.read_text(), Loader=source.CoreLoader)  # noqa: S506  # a SafeLoader with fewer types


def test_there_are_examples() -> None:
    assert len(SHIPPED) >= 4


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_fleet_has_no_faults(path: pathlib.Path) -> None:
    assert [str(fault) for fault in load.find_faults(path)] == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_fleet_names_the_schema_and_passes_it(path: pathlib.Path) -> None:
    first = path.read_text().splitlines()[0]
    named = path.parent / first.removeprefix("# yaml-language-server: $schema=")
    assert named.samefile(schema.FILE)
    jsonschema.Draft202012Validator(schema.build()).validate(as_written(path))


def test_the_schema_file_is_what_the_model_says() -> None:
    assert schema.FILE.read_text() == schema.render(), "run: python -m include.proven.fleet.schema"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.build())


def test_every_key_is_explained_to_the_person_at_the_editor() -> None:
    for name, definition in (schema.build()["$defs"] | {"Fleet": schema.build()}).items():
        for key, described in definition["properties"].items():
            assert "description" in described or "$ref" in described, f"{name}.{key}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("databases", "shop", "engine"), "oracle"),
        (("databases", "shop", "onwer"), "x"),
        (("databases", "shop", "objectives", "rpo"), "soon"),
        (("databases", "shop", "contacts"), []),
        (("databases", "Shop"), {}),
        (("pages", "routes", "oncall", "kind"), "smoke signal"),
        (("sandboxes", "local", "space_factor"), 0.5),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(path: tuple[str, ...], value: object) -> None:
    document = copy.deepcopy(as_written(SHIPPED[0]))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert not jsonschema.Draft202012Validator(schema.build()).is_valid(document)
