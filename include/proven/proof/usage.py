"""What a drill has used: the instance's time and price, and the bytes that the store has given."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from include.proven.proof.verdict import Step, Usage

DOWNLOAD = "download"
"""End of the name of every stage that reads from the store (`download`, `accounts download`)."""


def measure(steps: Sequence[Step], prices: Mapping[str, float], finished_at: datetime.datetime) -> Usage | None:
    """Return what a drill has used until `finished_at`; None if no instance came to be.

    `prices` are an hour's, by size. The instance's time begins when the cloud is asked for it, as its bill does.
    """
    figures = {key: value for step in steps if step.name == "build" for key, value in step.figures.items()}
    if "begun_at" not in figures:
        return None
    size = str(figures.get("size", ""))
    seconds = max(0.0, (finished_at - datetime.datetime.fromisoformat(figures["begun_at"])).total_seconds())
    price = prices.get(size)
    stages = [stage for step in steps for stage in step.stages if stage.name.endswith(DOWNLOAD)]
    return Usage(
        size=size,
        instance_seconds=seconds,
        price_per_hour=price,
        cost=price * seconds / 3600 if price is not None else None,
        fetched_bytes=sum(stage.bytes for stage in stages) if stages else None,
    )
