"""What the ticks say of a second that was reached by the binary log."""

from __future__ import annotations

import datetime

import pytest

from include.proven.proof import moments

ASKED = datetime.datetime(2026, 11, 21, 13, 37, 0, tzinfo=datetime.UTC)
SEEN = {"committed_at": "13:37:00", "next_at": "13:37:01", "tick": "13:37:00.250000", "due": "13:37:00.250000"}


def seen(**changes: str) -> dict[str, str]:
    return {name: f"2026-11-21T{time}+00:00" if time else "" for name, time in (SEEN | changes).items()}


def test_the_newest_tick_of_that_second_is_there() -> None:
    check = moments.judge(ASKED, seen())
    assert (check.outcome, check.proves_data, check.not_covered) == ("pass", False, [])
    assert check.figure == (
        "asked for 2026-11-21 13:37:00 UTC: the last transaction is of 13:37:00, the next one of 13:37:01,"
        " the newest tick of 13:37:00.250; 0 s lost"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tick": "13:37:01.000000"}, "a tick of 13:37:01 is there, which was written later"),
        ({"tick": "13:35:40", "due": "13:35:50"}, "the tick of 13:35:50 is not there, though the log up to 13:37:00 is"),
        ({"tick": "", "due": "13:35:50"}, "the tick of 13:35:50 is not there, though the log up to 13:37:00 is"),
    ],
)
def test_a_tick_that_is_too_late_or_lost_refutes(changes: dict[str, str], words: str) -> None:
    check = moments.judge(ASKED, seen(**changes))
    assert (check.outcome, check.severity, check.differences) == ("fail", "critical", [words])


def test_a_tick_that_was_committed_later_is_no_loss_of_the_log() -> None:
    check = moments.judge(ASKED, seen(tick="13:36:50", due="13:37:00.900000"))
    assert (check.outcome, check.figure.endswith("; 11 s lost")) == ("pass", True), check.figure


def test_without_ticks_the_log_alone_says_it() -> None:
    check = moments.judge(ASKED, seen(tick="", due="", committed_at=""))
    assert (check.outcome, check.not_covered) == ("pass", [moments.NO_TICKS])
    assert "no transaction leads there" in check.figure
