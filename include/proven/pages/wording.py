"""A page in words, for receivers that show text to a person."""

from __future__ import annotations

import shlex
import textwrap

from include.proven.pages.kinds import KINDS
from include.proven.pages.page import Page


def facts(page: Page) -> dict[str, str]:
    """Return what a person must know first, by its name: what happened, what it risks, what to do. Nothing is empty."""
    named = {
        "What": page.summary,
        "Risk": page.about.risk,
        "Next": page.next_command,
        "Hint": page.hint,
        "Runbook": page.runbook_url,
        "Run": page.run_url or page.run_id,
    }
    return {name: value for name, value in named.items() if value}


def footing(page: Page) -> str:
    """Return how urgent it is, about whose database, who noticed, and the page's key: one line."""
    about = page.database.lstrip("_") + (f" of {page.owner}" if page.owner else "")
    return f"{page.urgency} · {about} · noticed by {page.source} · {page.dedup_key}"


def acknowledgement(page: Page) -> str:
    """Return what to type to say that somebody is on it, for receivers that have no button for it; empty if nobody need be."""
    command = f"./proven acknowledge {shlex.quote(f'{page.database}/{page.key}')}"
    return "" if page.urgency == "info" or command == page.next_command else command


def as_text(page: Page) -> str:
    """Return a page as plain text, without its headline."""
    paragraphs = ["\n".join(f"{name + ':':<9}{value}" for name, value in facts(page).items())]
    if page.detail:
        paragraphs.append("What the machine says:\n" + textwrap.indent(page.detail.strip(), "    "))
    if command := acknowledgement(page):
        paragraphs.append(f"You are on it? Say so, and nobody else is called:\n    {command}")
    paragraphs.append(footing(page))
    return "\n\n".join(paragraphs) + "\n"


def resolved_headline(key: str) -> str:
    """Given a page's dedup key, return the subject of its resolution: `resolved: shop: backup failed`."""
    database, _, rest = key.removeprefix("proven/").partition("/")
    kind, _, thing = rest.partition("/")
    title = KINDS[kind].title if kind in KINDS else kind
    return ": ".join(part for part in ("resolved", database.lstrip("_"), title, thing) if part)


def resolved_text(key: str) -> str:
    """Given a page's dedup key, return what its resolution says besides its headline."""
    return f"What was wrong is no longer so. Nobody has to do anything.\n\n{key}\n"
