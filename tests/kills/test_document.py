"""docs/pages.md says what the code does and what was seen."""

from __future__ import annotations

import pytest

from include.proven.pages.kinds import KINDS
from tests.kills import table

AGAIN = "run scripts/test-pages"
KINDS_AGAIN = "run .venv/bin/python -m tests.kills.table"
TEXT = table.DOCUMENT.read_text()


def test_every_kind_of_page_is_listed_as_it_is() -> None:
    assert f"<!-- kinds:begin -->\n{table.describe_kinds()}<!-- kinds:end -->" in TEXT, KINDS_AGAIN


@pytest.mark.parametrize("title", table.CAUSES.values(), ids=list(table.CAUSES))
def test_every_cause_was_one_page_that_was_resolved(title: str) -> None:
    line = table.listed(TEXT).get(title)
    assert line, AGAIN
    if f"| {table.NOT_TRIED} |" in line:
        pytest.skip(f"not tried yet: {AGAIN}")
    _, noticed, page, severity, pages, _, put_right, *_ = [cell.strip() for cell in line.strip("| ").split(" | ")]
    assert pages == "1", line
    assert noticed and put_right, line
    kind = page.split("`")[1].split("/")[2]
    assert kind in KINDS
    assert f"({table.RUNBOOKS}/{kind}.md)" in page
    assert severity.split(", ")[0] in ("critical", "error", "warning")
