"""Reads a fleet file as YAML and keeps the line of every value.

YAML 1.2's core types only: `no` is a name and not false, `1:30` is text and not 90, dates are text. Duplicate keys,
tags, tabs, a second document and endless aliases are faults. `${NAME}` in text comes from the environment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from include.proven.fleet import interpolation
from include.proven.fleet.faults import Fault, Path, dotted

MOST_NODES = 100_000
"""More is no fleet but aliases of aliases: a small file that unfolds without end."""
LARGE = 100_000
"""Characters. Only so long a file is read by libyaml: it is a little more lenient (with tabs, say) than PyYAML itself."""

TAG = "tag:yaml.org,2002:"
MERGE = TAG + "merge"
HINTS = {
    "'\\t'": "Indent with spaces: YAML allows no tabs.",
    "'@'": "Put the value in quotes.",
    "'`'": "Put the value in quotes.",
    "'%'": "Put the value in quotes.",
    "mapping values are not allowed": "Check the indentation; a text that holds ': ' needs quotes.",
    "expected a single document": "Keep the whole fleet in one document: remove the '---' between.",
    "could not find expected ':'": "Write 'key: value', with a space after the colon.",
}


@dataclasses.dataclass
class Document:
    """What a file says, and where."""

    value: Any
    lines: dict[Path, int]
    written: dict[Path, str]
    """Text of every scalar as it stands in the file: what may be shown, because nothing is filled in from outside."""
    broken: set[Path]
    """Values that could not be read; their fault is known, so none is looked for in them again."""

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the closest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class CoreLoader(yaml.SafeLoader):
    """YAML's parser with the types of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


class FastLoader(yaml.composer.Composer, yaml.CSafeLoader):
    """The same on libyaml's parser, many times as fast. Python composes the nodes: C's own crashes on one nested too deep."""

    yaml_implicit_resolvers = CoreLoader.yaml_implicit_resolvers

    def __init__(self, text: str) -> None:
        yaml.CSafeLoader.__init__(self, text)
        self.anchors: dict[str, yaml.Node] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    CoreLoader.add_implicit_resolver(TAG + _tag, re.compile(f"^(?:{_pattern})$"), _first)


def read_document(path: pathlib.Path, environment: Mapping[str, str]) -> tuple[Document | None, list[Fault]]:
    """Given a file, return its document and every fault of form. The document is None when it can't be read at all."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        node = _compose(text)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8 (byte 0x{error.object[error.start]:02x})"
        return None, [Fault(str(path), line, "", what, "Save it as UTF-8.")]
    except OSError as error:
        hint = "Set PROVEN_FLEET to its path." if isinstance(error, FileNotFoundError) else ""
        return None, [Fault(str(path), 0, "", f"can't be read: {(error.strerror or str(error)).lower()}", hint)]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return None, [Fault(str(path), line, "", f"holds a control character (0x{int(error.character):02x})", "Remove it.")]
    except RecursionError:
        return None, [Fault(str(path), 0, "", "is nested too deep", "Start from one of docs/examples/.")]
    except yaml.MarkedYAMLError as error:
        return None, [_explain_syntax(path, error)]
    if node is None:
        return None, [Fault(str(path), 0, "", "is empty", "Start from one of docs/examples/.")]
    reader = _Reader(str(path), environment)
    return Document(reader.read(node, ()), reader.lines, reader.written, reader.broken), reader.faults


def _compose(text: str) -> yaml.Node | None:
    """Return the document's node. Raise YAML's errors in the words of the loader whose words `HINTS` knows."""
    if len(text) >= LARGE:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=FastLoader)
    return yaml.compose(text, Loader=CoreLoader)


def _explain_syntax(path: pathlib.Path, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    what = error.problem or error.context or "is no YAML"
    hint = next((hint for sign, hint in HINTS.items() if sign in f"{error.context} {what}"), "")
    return Fault(str(path), mark.line + 1 if mark else 0, "", what, hint)


class _Reader:
    """Turns nodes into values; collects lines and faults on the way."""

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.file = file
        self.environment = environment
        self.lines: dict[Path, int] = {}
        self.written: dict[Path, str] = {}
        self.broken: set[Path] = set()
        self.faults: list[Fault] = []
        self._around: list[yaml.Node] = []
        self._nodes = 0

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._nodes += 1
        if self._nodes > MOST_NODES or any(outer is node for outer in self._around):
            if self._nodes <= MOST_NODES + 1:
                self._fault(path, "an alias unfolds without end", "Write the values out.")
            self.broken.add(path)
            return None
        self._around.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return {name: self.read(value, (*path, name)) for name, value in self._members(node, path).items()}
            if isinstance(node, yaml.SequenceNode):
                return [self.read(item, (*path, position)) for position, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._around.pop()

    def _members(self, node: yaml.MappingNode, path: Path) -> dict[str, yaml.Node]:
        """Return a mapping's own members over those that `<<` merges in."""
        own: dict[str, yaml.Node] = {}
        lines: dict[Path, int] = {}
        merged: dict[str, yaml.Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == MERGE:
                merged = self._merge(value, path, line) | merged
            elif not isinstance(key, yaml.ScalarNode) or key.tag != TAG + "str":
                self._fault(path, "a key must be text", "Put it in quotes.", line)
            elif key.value in own:
                self._fault((*path, key.value), "stands here a second time", "Keep one of the two.", line)
            else:
                own[key.value] = value
                lines[(*path, key.value)] = line
        self.lines.update(lines)
        return merged | own

    def _merge(self, node: yaml.Node, path: Path, line: int) -> dict[str, yaml.Node]:
        found: dict[str, yaml.Node] = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode) or source in self._around:
                self._fault(path, "'<<' must name a mapping", "Write '<<: *name' of an anchor '&name' on a mapping.", line)
                continue
            self._around.append(source)
            found = self._members(source, path) | found
            self._around.pop()
        return found

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        text = self.written[path] = node.value
        try:
            match node.tag.removeprefix(TAG):
                case "str":
                    return interpolation.fill_in(text, self.environment)
                case "null":
                    return None
                case "bool":
                    return {"true": True, "false": False}[text]
                case "int":
                    return int(text)
                case "float":
                    return float(text)
        except interpolation.InterpolationError as error:
            self._fault(path, str(error), error.hint, node.start_mark.line + 1)
            self.broken.add(path)
            return None
        except (ValueError, KeyError):
            pass
        self._fault(path, f"{text!r} does not go with the tag {node.tag.replace(TAG, '!!')}", "Remove the tag.")
        self.broken.add(path)
        return None

    def _fault(self, path: Path, what: str, hint: str, line: int = 0) -> None:
        self.faults.append(Fault(self.file, line or self.lines[path], dotted(path), what, hint))
