"""Renders the runbooks (`include/runbooks/<kind>.md`) for Airflow's UI."""

from __future__ import annotations

import functools
import pathlib
import urllib.parse
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from include.proven.pages.kinds import KINDS

ROOT = pathlib.Path(__file__).parents[2]
RUNBOOKS = ROOT / "include" / "runbooks"


@functools.cache
def render(kind: str) -> str:
    """Return a runbook as HTML. Its Markdown may hold tables but no HTML of its own.

    A link to another runbook leads to its page; a link to any other file of the project, which is not served, becomes its name.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse((RUNBOOKS / f"{kind}.md").read_text(encoding="utf-8"))
    for token in tokens:
        token.children = list(_lead_links(token.children or [])) if token.type == "inline" else token.children
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _lead_links(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens of a line with links that lead somewhere in Airflow's UI."""
    named = ""
    for token in tokens:
        if token.type == "link_open":
            target = urllib.parse.urlsplit(str(token.attrGet("href")))
            kind = target.path.removesuffix(".md")
            if kind in KINDS:
                token.attrSet("href", kind)
            elif not target.scheme:
                named = str((RUNBOOKS / target.path).resolve().relative_to(ROOT))
                continue
        elif token.type == "link_close" and named:
            yield Token("text", "", 0, content=" (")
            yield Token("code_inline", "code", 0, content=named)
            yield Token("text", "", 0, content=")")
            named = ""
            continue
        yield token
