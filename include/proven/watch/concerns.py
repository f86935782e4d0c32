"""All concerns of the watch, in the order in which they are asked."""

from __future__ import annotations

from include.proven.watch import recency
from include.proven.watch.concern import Concern

CONCERNS: tuple[Concern, ...] = (recency.CONCERN,)
