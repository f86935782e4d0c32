"""Every public failure has a test that produces it, and docs/failures.md lists exactly those tests."""

from __future__ import annotations

import pytest

from tests.failures import table
from tests.failures.marks import Report
from tests.proving.figures import DOCUMENT

AGAIN = "run scripts/failures"


@pytest.fixture(scope="module")
def collected() -> Report:
    """The marked tests of the whole suite, as pytest finds them."""
    return table.collect()


def test_every_failure_has_a_test_or_says_why_not(collected: Report) -> None:
    assert set(collected) - set(table.BY_ID) == set(), "a mark names a row that is not in tests/failures/rows.yaml"
    without = {row for row in table.BY_ID if not collected.get(row)}
    assert without == {row for row, told in table.BY_ID.items() if "not_yet" in told}


def test_the_document_lists_exactly_the_tests(collected: Report) -> None:
    assert table.listed(DOCUMENT.read_text()) == {row: set(collected.get(row, {})) for row in table.BY_ID}, AGAIN


def test_the_document_shows_no_test_that_failed_or_was_not_run() -> None:
    text = DOCUMENT.read_text()
    assert "failures are produced and seen refused" in text, AGAIN
    for words in ("failed**", "not run", "**no test**"):
        assert words not in text, AGAIN
