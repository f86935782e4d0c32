"""All concerns of the watch, in the order in which they are asked."""

from __future__ import annotations

from include.proven.watch import clocks, filling, keys, recency, shipped, trends, unlisted
from include.proven.watch.concern import Concern

CONCERNS: tuple[Concern, ...] = (
    recency.CONCERN,
    shipped.CONCERN,
    keys.CONCERN,
    filling.CONCERN,
    trends.CONCERN,
    clocks.CONCERN,
    unlisted.CONCERN,
)
