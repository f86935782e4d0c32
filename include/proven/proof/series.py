"""Robust statistics of one figure over the recovery points of a database: has it just dropped, or stopped?

A count is looked at as its logarithm, so that a loss is a share of what was there, and step by step, so that growth of any kind
is no alarm. What is usual follows from the steps before: their median absolute deviation, and the losses that have come before.
`docs/decisions/0018-drift.md` has the reasons, and what each number costs.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

FEWEST = 5
"""Earlier values without which nothing is judged."""
FLOOR = 0.4
"""No smaller loss is told, on the scale of natural logarithms: a third of all rows."""
SMALL = 2.0
"""A count that varies by itself varies by its root: so many roots of it are no loss."""
DEVIATIONS = 3.0
"""A loss of fewer standard deviations is not told."""
GAUSSIAN = 1.4826
"""A normal distribution's standard deviation, in median absolute deviations."""
FEW = 4.0
"""The spread of n steps is taken 1 + 4/n times: that of a handful looks smaller than it is."""
HABIT = 1.25
"""A loss is a habit up to so many times the second largest that was there before."""
SPREADS = 2.0
"""A newest value lags if it is older than it ever was by so many times the range of its ages."""


def has_dropped(hours: Sequence[float], counts: Sequence[float]) -> bool:
    """Given when each value was taken (hours, rising) and the values, oldest first, say whether the last is a sudden loss."""
    return _falls(hours, counts, [math.log1p(count) for count in counts])


def has_jumped(hours: Sequence[float], counts: Sequence[float]) -> bool:
    """Given the same, say whether the last is as suddenly more: half as much again, or further."""
    return _falls(hours, counts, [-math.log1p(count) for count in counts])


def has_sunk(values: Sequence[float], last: int) -> bool:
    """Given values above 0, oldest first, say whether the middle of the `last` ones lies far below that of those before.

    For what varies from one value to the next and has no trend, such as a transfer's bytes a second. So many as low, one after
    the other, must be new: who is slow by day and fast by night has not sunk in the morning.
    """
    if len(values) < FEWEST + last:
        return False
    levels = [math.log(value) for value in values]
    before, now = levels[:-last], statistics.median(levels[-last:])
    lowest = min(statistics.median(before[begin : begin + last]) for begin in range(len(before) - last + 1))
    usual = max(FLOOR, DEVIATIONS * (1 + FEW / len(before)) * _deviation(before))
    return statistics.median(before) - now > usual and lowest - now > FLOOR / 2


def _falls(hours: Sequence[float], counts: Sequence[float], levels: Sequence[float]) -> bool:
    """Say whether the last of the levels, which are those of the counts, is suddenly lower."""
    if len(levels) - 1 < FEWEST or levels[-1] >= levels[-2]:
        return False
    steps = [after - before for before, after in itertools.pairwise(levels)]
    spans = [after - before for before, after in itertools.pairwise(hours)]
    loss = -steps[-1] - _decline(hours[:-1], levels[:-1]) * spans[-1]
    return loss > max(_floor(counts), _noise(steps[:-1], spans), -HABIT * sorted(steps[:-1])[1])


def has_stopped(hours: Sequence[float], newest: Sequence[float]) -> bool:
    """Given when each value was taken and the newest moment in the data then, both in hours, say whether that has just stopped.

    It has if it stands still now, has moved every time before, and is older than it ever was: by half of the usual time between
    two values, and by far more than its age has ever varied. Its zone does not matter. A week must have gone by, for many
    businesses keep their weekends.
    """
    earlier = len(newest) - 1
    if earlier < FEWEST or newest[-1] != newest[-2] or hours[-2] - hours[0] < 7 * 24:
        return False
    if any(after <= before for before, after in itertools.pairwise(newest[:-1])):
        return False
    ages = [taken - moment for taken, moment in zip(hours, newest, strict=True)]
    spans = [after - before for before, after in itertools.pairwise(hours[:-1])]
    usual = max(statistics.median(spans) / 2, SPREADS * (max(ages[:-1]) - min(ages[:-1])))
    return ages[-1] - max(ages[:-1]) > usual


def _floor(counts: Sequence[float]) -> float:
    """Return the smallest loss that means anything. A count that has never changed does not vary by itself."""
    before = counts[-2]
    return FLOOR if len(set(counts[:-1])) == 1 else max(FLOOR, SMALL / math.sqrt(1 + before))


def _noise(steps: Sequence[float], spans: Sequence[float]) -> float:
    """Return how far a step may go by chance; over a longer time than usual, further: as a random walk does."""
    deviation = _deviation(steps)
    longer = math.sqrt(max(1.0, spans[-1] / max(statistics.median(spans[:-1]), 1e-9)))
    return DEVIATIONS * (1 + FEW / len(steps)) * deviation * longer


def _deviation(values: Sequence[float]) -> float:
    """Return the standard deviation, as the median absolute deviation has it."""
    middle = statistics.median(values)
    return GAUSSIAN * statistics.median(abs(value - middle) for value in values)


def _decline(hours: Sequence[float], levels: Sequence[float]) -> float:
    """Return how much a figure that has been shrinking loses in an hour, by the medians of both halves; else 0."""
    half = len(levels) // 2
    time = statistics.median(hours[half:]) - statistics.median(hours[:half])
    return max(0.0, statistics.median(levels[:half]) - statistics.median(levels[half:])) / time if time > 0 else 0.0
