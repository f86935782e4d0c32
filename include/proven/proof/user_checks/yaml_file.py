"""Reads a YAML file of checks. `python -m include.proven.proof.user_checks.yaml_file` writes its JSON Schema anew."""

from __future__ import annotations

import functools
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pydantic

from include.proven.fleet import friendly, schema, source
from include.proven.fleet.faults import Fault, Path
from include.proven.proof.user_checks import rendering
from include.proven.proof.user_checks.check import CheckFileError, UserCheck
from include.proven.proof.user_checks.templates import CheckFile

SCHEMA = pathlib.Path(__file__).parents[3] / "checks.schema.json"


def read(path: pathlib.Path, time_limit: float) -> Iterator[UserCheck | Fault]:
    """Yield the checks of a YAML file and what is wrong with it; `time_limit` (seconds) goes for those without their own."""
    document, faults = source.read_document(path, os.environ)
    yield from faults
    if document is None or faults:
        return
    try:
        file = CheckFile.model_validate(document.value)
    except pydantic.ValidationError as error:
        for each in error.errors(include_url=False):
            yield friendly.explain(each, document, str(path), known_keys=_known_keys)
        return
    for position, entry in enumerate(file.checks):
        seconds = entry.time_limit.total_seconds() if entry.time_limit else time_limit
        try:
            for name, sql, expect in rendering.render(entry):
                yield UserCheck(name, sql, entry.protects, str(path), seconds, entry.severity, expect)
        except CheckFileError as error:
            place: Path = ("checks", position)
            yield Fault(str(path), document.line(place), f"checks[{position}]", error.what, error.hint)


def render_schema() -> str:
    """Return the content of the JSON Schema for editors."""
    return json.dumps(schema.build(_schema()), indent=2, ensure_ascii=False) + "\n"


@functools.cache
def _schema() -> dict[str, Any]:
    return CheckFile.model_json_schema(schema_generator=schema.Generator)


def _known_keys(value: Any, path: Path) -> list[str]:
    return schema.known_keys(value, path, _schema())


if __name__ == "__main__":
    SCHEMA.write_text(render_schema())
