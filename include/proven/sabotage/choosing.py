"""Which ways are tried: one by name, all in turn, or any that fits the recovery point."""

from __future__ import annotations

import random

from include.proven.sabotage import ways
from include.proven.sabotage.all_ways import WAYS
from include.proven.sabotage.ways import Way

RANDOM, ALL = "random", "all"


def choose(way: str) -> list[Way]:
    """Return the ways to try, in order; for `random` all of them, shuffled. Raise ConfigError for an unknown one."""
    if way == ALL:
        return list(WAYS.values())
    if way == RANDOM:
        return random.sample(list(WAYS.values()), len(WAYS))
    return [ways.find(WAYS, way)]


def enough(way: str) -> int:
    """Return how many ways must be applied: for `random` the first that fits; 0: all that were chosen."""
    return 1 if way == RANDOM else 0
