"""Puts pydantic's findings into the words of the person who wrote the file, with the line and a suggestion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import ErrorDetails

from include.proven.fleet import hints, schema
from include.proven.fleet.faults import Fault, Path, dotted
from include.proven.fleet.source import Document

MAPPING, LIST, TEXT = "must be a mapping ('key: value' lines)", "must be a list ('- item' lines)", "must be text"
TYPES = {
    "model_type": MAPPING,
    "model_attributes_type": MAPPING,
    "dict_type": MAPPING,
    "list_type": LIST,
    "string_type": TEXT,
    "path_type": TEXT,
    "string_too_short": "is empty",
    "too_short": "is empty: it needs one or more",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
}
PATTERNS = {
    "[a-z]": "is no name: lower case letters, digits and '_', beginning with a letter, 40 at most",
    "https?": "is no address: it begins with https:// or http://",
    "[^/": "is no prefix: no slash at either end, no spaces",
}


KnownKeys = Callable[[Any, Path], list[str]]
"""Given a document's value and the path to a mapping in it, returns the keys that the mapping may have."""


def explain(error: ErrorDetails, document: Document, file: str, *, known_keys: KnownKeys = schema.known_keys) -> Fault:
    """Given one of pydantic's errors, return the fault that a person can act on."""
    path = _path_in(document.value, error)
    what, hint = _words(error, path, document, known_keys)
    line = document.line(path[:-1] if error["type"] == "missing" else path)
    return Fault(file, line, dotted(path), what, hint)


def _path_in(value: Any, error: ErrorDetails) -> Path:
    """Return the path as it stands in the file: pydantic puts a union's tag and `[key]` between."""
    path: Path = ()
    for part in error["loc"]:
        inside = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if inside:
            value = value[part]
            path = (*path, part)
    if error["type"] == "missing":
        return (*path, error["loc"][-1])
    return (*path, "kind") if error["type"].startswith("union_tag") else path


def _words(error: ErrorDetails, path: Path, document: Document, known_keys: KnownKeys) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    written = repr(document.written[path]) if path in document.written else "this"
    if kind == "missing":
        return "is missing", ""
    if kind == "extra_forbidden":
        known = known_keys(document.value, path[:-1])
        return "is no key that is known here", hints.suggest(str(path[-1]), known, noun="keys here")
    if kind == "union_tag_not_found":
        return "is missing", ""
    if kind in {"literal_error", "union_tag_invalid"}:
        allowed = str(context.get("expected") or context.get("expected_tags"))
        choices = [choice.strip(" '") for choice in allowed.replace(" or ", ",").split(",")]
        what = f"{written} is not {' or '.join(choices)}"
        return what, hints.suggest(written.strip("'"), choices, noun="choices") if len(choices) > 1 else ""
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern"))
        what = next((what for sign, what in PATTERNS.items() if sign in pattern), f"does not match {pattern}")
        return f"{written} {what}" if path in document.written else what, ""
    if kind == "value_error":
        return f"{written} {context['error']}", ""
    if kind in TYPES:
        hint = "Put it in quotes." if TYPES[kind] is TEXT and path in document.written else ""
        return TYPES[kind], hint
    return error["msg"][0].lower() + error["msg"][1:], ""
