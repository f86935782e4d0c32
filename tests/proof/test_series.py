"""A sudden loss, and a table's usual life: 1 % of false alarms at most, and half of a table seen 99 times of 100."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.proven.proof.series import has_dropped, has_jumped, has_stopped, has_sunk

DAY = 24.0
seeds = st.integers(0, 2**32 - 1)


def live(
    seed: int,
    points: int,
    *,
    rows: int = 20_000,
    noise: float = 0.03,
    week: float = 0.1,
    trend: float = 0.0,
    hours: float = DAY,
) -> tuple[list[float], list[int]]:
    """Return when a table was looked at, at odd intervals, and its rows then: a random walk, a trend a day, a weekly wave."""
    chance, level, when = random.Random(seed), math.log(rows), 0.0
    phase = chance.random() * 7
    times, counts = [], []
    for _ in range(points):
        span = hours * chance.uniform(0.8, 1.2) * (3 if chance.random() < 0.05 else 1)
        when += span
        level += trend * span / DAY + chance.gauss(0, noise * math.sqrt(span / DAY))
        times.append(when)
        counts.append(round(math.exp(level + week * math.sin(2 * math.pi * (when / DAY + phase) / 7))))
    return times, counts


@pytest.mark.parametrize("points", [6, 8, 15, 31])
@pytest.mark.parametrize(
    "habits",
    [
        {"noise": 0.0, "week": 0.0},
        {"trend": 0.02},
        {"trend": -0.05},
        {"trend": 0.3},
        {"week": 0.3},
        {"noise": 0.2},
        {"noise": 0.15, "week": 0.2},
        {"rows": 8, "noise": 0.3},
        {"hours": 1.0, "week": 0.3},
        {"hours": 7 * DAY},
    ],
    ids=str,
)
def test_an_honest_table_is_no_alarm(habits: dict[str, float], points: int) -> None:
    alarms = sum(has_dropped(*live(seed, points, **habits)) for seed in range(500))  # type: ignore[arg-type]  # numbers all
    assert alarms <= 5, f"{alarms} of 500"


def test_a_table_that_varies_by_half_each_day_takes_some_history() -> None:
    assert sum(has_dropped(*live(seed, 31, noise=0.5)) for seed in range(500)) <= 5


@pytest.mark.parametrize("points", [6, 9, 15, 31])
@pytest.mark.parametrize("rows", [123, 20_000, 10**9])
@pytest.mark.parametrize("trend", [0.0, 0.02])
def test_half_of_a_table_is_seen(points: int, rows: int, trend: float) -> None:
    missed = 0
    for seed in range(500):
        times, counts = live(seed, points, rows=rows, trend=trend, noise=0.02, week=0.05)
        missed += not has_dropped(times, [*counts[:-1], counts[-2] // 2])
    assert missed <= 5, f"{missed} of 500"


@settings(max_examples=200, deadline=None)
@given(seeds, st.integers(6, 31), st.integers(3, 10**9))
def test_an_emptied_table_is_always_seen(seed: int, points: int, rows: int) -> None:
    times, counts = live(seed, points, rows=rows, noise=0.02, week=0.05)
    assert has_dropped(times, [*counts[:-1], 0])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=5), st.integers(0, 10**12))
def test_too_few_values_judge_nothing(counts: list[int], last: int) -> None:
    counts = [*counts[:4], last]
    assert not has_dropped([DAY * n for n in range(len(counts))], counts)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=6, max_size=31), st.data())
def test_whatever_is_there_has_an_answer_and_growth_is_none(counts: list[int], data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.floats(0, 1000), min_size=len(counts), max_size=len(counts)))
    times = [sum(steps[: n + 1]) for n in range(len(counts))]
    has_dropped(times, counts)
    assert not has_dropped(times, [*counts[:-1], max(counts[-2:])])


def daily(*counts: int) -> tuple[list[float], list[int]]:
    return [DAY * number for number in range(len(counts))], list(counts)


@pytest.mark.parametrize(
    ("counts", "dropped"),
    [
        ((2000,) * 5 + (1200,), True),
        ((2000,) * 5 + (1500,), False),
        ((2000,) * 4 + (1200,), False),
        ((1000, 1020, 1040, 1061, 1082, 1104, 660), True),
        ((1000, 1020, 1040, 1061, 1082, 1104, 1126), False),
        ((1, 1, 1, 1, 1, 0), True),
        ((5, 3, 6, 4, 5, 3), False),
        ((0, 0, 0, 0, 0, 0), False),
        # a queue that is empty now and then, and another that never was
        ((40, 0, 35, 0, 50, 45, 0), False),
        ((400, 410, 390, 405, 395, 400, 0), True),
        # purged each Sunday: two of them make a habit
        ((*(100, 110, 120, 130, 140, 150, 160) * 2, 100, 110, 120, 130, 140, 150, 160, 100), False),
        # a new table that grows tenfold each day, and then no longer
        ((1, 10, 100, 1000, 10_000, 11_000), False),
    ],
)  # fmt: skip
def test_plain_cases(counts: tuple[int, ...], dropped: bool) -> None:
    assert has_dropped(*daily(*counts)) is dropped


@pytest.mark.parametrize(
    ("counts", "jumped"),
    [
        ((2000,) * 5 + (3100,), True),
        ((2000,) * 5 + (2800,), False),
        ((2000,) * 4 + (9000,), False),
        ((2000,) * 5 + (900,), False),
        # as it grows, it goes on
        ((1000, 2000, 4000, 8000, 16_000, 32_000, 64_000), False),
        ((1000, 1020, 1040, 1061, 1082, 1104, 2200), True),
        # fills up now and then
        ((40, 900, 35, 1000, 50, 45, 950), False),
    ],
)  # fmt: skip
def test_plain_jumps(counts: tuple[int, ...], jumped: bool) -> None:
    assert has_jumped(*daily(*counts)) is jumped


@pytest.mark.parametrize("points", [6, 15, 31])
@pytest.mark.parametrize("habits", [{"noise": 0.05}, {"trend": 0.1}, {"week": 0.3}, {"noise": 0.15, "week": 0.2}], ids=str)
def test_an_honest_backup_is_no_jump(habits: dict[str, float], points: int) -> None:
    alarms = sum(has_jumped(*live(seed, points, **habits)) for seed in range(500))  # type: ignore[arg-type]  # numbers all
    assert alarms <= 5, f"{alarms} of 500"


@pytest.mark.parametrize("transfers", [8, 15])
@pytest.mark.parametrize("noise", [0.05, 0.2, 0.5])
def test_honest_speeds_are_no_alarm_and_a_tenth_of_them_is(transfers: int, noise: float) -> None:
    alarms = missed = 0
    for seed in range(500):
        chance = random.Random(seed)
        rates = [50e6 * math.exp(chance.gauss(0, noise)) for _ in range(transfers)]
        alarms += has_sunk(rates, 3)
        missed += not has_sunk([*rates[:-3], *(rate / 10 for rate in rates[-3:])], 3) and noise < 0.5
    assert alarms <= 5, f"{alarms} of 500"
    assert missed <= 10, f"{missed} of 500"


@pytest.mark.parametrize(
    ("rates", "sunk"),
    [
        ((50, 52, 48, 51, 49, 20, 21, 20), True),
        ((50, 52, 48, 51, 49, 20, 51, 50), False),
        ((50, 52, 48, 51, 49, 40, 41, 40), False),
        ((52, 48, 51, 49, 20, 21, 20), False),
        ((20, 21, 20, 19, 20, 50, 52, 48), False),
        ((50, 5, 48, 6, 49, 7, 5, 6), False),
        # by night and by day
        ((50, 51, 49, 50, 20, 21, 20, 50, 52, 49, 51, 20, 20, 21), False),
    ],
)
def test_plain_speeds(rates: tuple[int, ...], sunk: bool) -> None:
    assert has_sunk(rates, 3) is sunk


def test_a_loss_is_told_once() -> None:
    counts = [2000] * 10 + [900] * 4
    assert [has_dropped(*daily(*counts[:end])) for end in range(10, 15)] == [False, True, False, False, False]


def moving(days: int, *, every: float = DAY, behind: float = 0.1) -> tuple[list[float], list[float]]:
    times = [every * number for number in range(days)]
    return times, [time - behind for time in times]


def test_a_newest_moment_that_stands_still_is_seen_once() -> None:
    times, newest = moving(12)
    assert not has_stopped(times, newest)
    for number in (9, 10, 11):
        newest[number] = newest[8]
    assert [has_stopped(times[:end], newest[:end]) for end in (9, 10, 11, 12)] == [False, True, False, False]


def test_a_weekend_is_none_until_one_was_seen() -> None:
    """Friday's entry is the newest on Saturday and Sunday; a history without a weekend does not judge."""
    times = [DAY * number for number in range(21)]
    newest = [time - 0.1 - DAY * max(0, number % 7 - 4) for number, time in enumerate(times)]
    assert not any(has_stopped(times[begin:end], newest[begin:end]) for begin in range(21) for end in range(begin + 2, 22))


@pytest.mark.parametrize("zone", [-9.0, 0.0, 12.0])
def test_a_clock_of_another_zone_changes_nothing(zone: float) -> None:
    times, newest = moving(12)
    newest[-1] = newest[-2]
    assert has_stopped(times, [moment + zone for moment in newest])


def test_rare_rows_are_no_alarm() -> None:
    """Two or three rows a day: one day there will be none."""
    alarms = 0
    for seed in range(500):
        chance = random.Random(seed)
        rows, when = [], 0.0
        while when < 30 * DAY:
            when += chance.expovariate(2.5 / DAY)
            rows.append(when)
        times = [DAY * number for number in range(1, 31)]
        newest = [max((row for row in rows if row <= time), default=0.0) for time in times]
        alarms += has_stopped(times, newest)
    assert alarms <= 5, f"{alarms} of 500"


def test_a_backup_right_after_another_is_no_alarm() -> None:
    times, newest = moving(12)
    assert not has_stopped([*times, times[-1] + 0.2], [*newest, newest[-1]])
