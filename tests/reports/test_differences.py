"""A difference is shown as a diff, and not a letter of it is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from include.proven.reports import differences

WORDS = (
    "a on the source",
    ", ",
    "b restored",
    "- old",
    "+ new",
    " … ",
    "\n",
    "t: differs: ",
    "…",
    "-",
    "+ ",
    "x - y",
)


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=8)).map("".join))
def test_the_pieces_are_the_text(text: str) -> None:
    assert "".join(piece.text for piece in differences.split(text)) == text


def test_changed_lines_have_a_side() -> None:
    found = differences.split("table s.t: definition differs: - `a` int … + `a` bigint … and 3 more lines")
    assert [(piece.side, piece.text) for piece in found] == [
        ("", "table s.t: definition differs: "),
        ("source", "- `a` int"),
        ("border", " … "),
        ("copy", "+ `a` bigint"),
        ("border", " … "),
        ("", "and 3 more lines"),
    ]


def test_what_is_told_of_both_has_two_sides() -> None:
    found = differences.split("table s.t: column a: int(11) on the source, bigint(20) restored")
    assert [(piece.side, piece.text) for piece in found] == [
        ("", "table s.t: column a: "),
        ("source", "int(11) on the source"),
        ("border", ", "),
        ("copy", "bigint(20) restored"),
    ]


def test_what_only_the_copy_has_is_one_sentence() -> None:
    assert [piece.side for piece in differences.split("table s.t: not on the source, but restored")] == [""]


def test_a_minus_in_a_sentence_is_none() -> None:
    assert [piece.side for piece in differences.split("rows of a - b: 3 of 4, and + 2")] == [""]
