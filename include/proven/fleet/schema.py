"""The JSON Schema of the fleet file, for editors: `python -m include.proven.fleet.schema` writes it anew."""

from __future__ import annotations

import datetime
import functools
import json
import pathlib
from typing import Any

import pydantic
import pydantic.json_schema

from include.proven.fleet import model, schedule
from include.proven.fleet.faults import Path

FILE = pathlib.Path(__file__).parents[2] / "fleet.schema.json"
REFERENCE = r"\$\{"


class Generator(pydantic.json_schema.GenerateJsonSchema):
    """Pydantic's generator, with durations as people write them."""

    def encode_default(self, dft: Any) -> Any:
        """Return a default as it would stand in the file."""
        return schedule.words(dft) if isinstance(dft, datetime.timedelta) else super().encode_default(dft)


@functools.cache
def fleet_schema() -> dict[str, Any]:
    """Return the JSON Schema that pydantic derives from the model."""
    return model.Fleet.model_json_schema(schema_generator=Generator)


def build(of_model: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of what may be written: a model's own (the fleet's), in which `${NAME}` may stand for any scalar."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_for_editors(of_model or fleet_schema())}


def render() -> str:
    """Return the schema file's content."""
    return json.dumps(build(), indent=2, ensure_ascii=False) + "\n"


def known_keys(value: Any, path: Path, of_model: dict[str, Any] | None = None) -> list[str]:
    """Return the keys that a model (the fleet's) knows in the mapping at `path` of `value`."""
    schema = of_model or fleet_schema()
    node = _resolve(schema, schema, value)
    for part in path:
        value = value[part]
        if isinstance(part, int):
            node = node.get("items", {})
        elif part in node.get("properties", {}):
            node = node["properties"][part]
        else:
            node = next(iter(node.get("patternProperties", {}).values()), {}) or node.get("additionalProperties", {})
        node = _resolve(schema, node, value)
    return list(node.get("properties", {}))


def main() -> None:
    """Write include/fleet.schema.json."""
    FILE.write_text(render())


def _resolve(schema: dict[str, Any], node: dict[str, Any], value: Any) -> dict[str, Any]:
    """Follow references, a union's `kind` and `… or null` down to the schema that describes `value`."""
    while True:
        if "discriminator" in node and isinstance(value, dict):
            tag = value.get(node["discriminator"]["propertyName"])
            node = {"$ref": node["discriminator"]["mapping"].get(tag, "")}
        elif "anyOf" in node:
            node = node["anyOf"][0]
        elif "$ref" in node:
            node = schema["$defs"].get(node["$ref"].rpartition("/")[2], {})
        else:
            return node


def _for_editors(node: Any) -> Any:
    if isinstance(node, list):
        return [_for_editors(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _for_editors(value) for key, value in node.items()}
    if "patternProperties" in node:
        node["additionalProperties"] = False
    if node.get("type") == "string" and isinstance(node.get("pattern"), str):
        node["pattern"] = f"(?:{node['pattern']})|{REFERENCE}"
    if node.get("type") in {"integer", "number", "boolean"}:
        about = {key: node.pop(key) for key in ("title", "description", "default") if key in node}
        node = about | {"anyOf": [node, {"type": "string", "pattern": REFERENCE}]}
    return node


if __name__ == "__main__":
    main()
