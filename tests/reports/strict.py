"""A reader of HTML that forgives nothing: each tag closed, each id its own, no link to nowhere, no resource from elsewhere."""

from __future__ import annotations

import html.parser
import re

VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta"})
UNSAFE = frozenset({"script", "iframe", "object", "embed", "base", "form", "link", "img"})
REFERENCES = ("href", "src", "srcset", "action", "data", "poster", "background")


class StrictReader(html.parser.HTMLParser):
    """Reads a document. `faults` says what is wrong with it, `text` what a person reads."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.wanted: list[str] = []
        """Ids that something in the document points to."""
        self._open: list[str] = []
        self._words: list[str] = []
        self._columns: list[int] = []
        self.rows: list[list[int]] = []
        """Of each table, the width of each row in columns."""
        self.feed(document)
        self.close()
        self._judge()

    @property
    def text(self) -> str:
        """All text but the style's, as it stands."""
        return "".join(self._words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag, and remember that it is open."""
        values = dict(attrs)
        if len(values) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        if tag in UNSAFE:
            self.faults.append(f"<{tag}> has no place in a report")
        if tag not in VOID:
            self._open.append(tag)
        self.ids += [name for name in [values.get("id")] if name]
        self.wanted += (values.get("aria-labelledby") or "").split()
        self._look_at_links(tag, values)
        self._count(tag, values)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close what is open."""
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> at {self.getpos()} closes {self._open[-1:] or 'nothing'}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if "style" in self._open:
            self.faults += [f"the style fetches {match}" for match in re.findall(r"url\([^)]*\)|@import[^;]*", data)]
        else:
            self._words.append(data)

    def _look_at_links(self, tag: str, values: dict[str, str | None]) -> None:
        for name, value in values.items():
            if name.startswith("on"):
                self.faults.append(f"<{tag}> has a handler {name}")
            if name in REFERENCES:
                if not (value or "").startswith("#"):
                    self.faults.append(f"<{tag} {name}={value!r}> leads out of the document")
                self.wanted.append((value or "")[1:])

    def _count(self, tag: str, values: dict[str, str | None]) -> None:
        if tag == "table":
            self.rows.append([])
        elif tag == "tr":
            self.rows[-1].append(0)
        elif tag in ("td", "th"):
            self.rows[-1][-1] += int(values.get("colspan") or 1)

    def _judge(self) -> None:
        self.faults += [f"<{tag}> is never closed" for tag in self._open]
        self.faults += [f"id {name!r} stands twice" for name in {name for name in self.ids if self.ids.count(name) > 1}]
        self.faults += [f"nothing has the id {name!r}" for name in set(self.wanted) - set(self.ids)]
        self.faults += [f"a table has rows of {set(widths)} columns" for widths in self.rows if len(set(widths)) > 1]


def read(document: str) -> StrictReader:
    """Read a document and return what was read. Fail if anything is wrong with it."""
    found = StrictReader(document)
    assert not found.faults
    assert document.startswith("<!doctype html>\n<html lang=")
    return found
