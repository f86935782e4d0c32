"""Which recovery points of a database are kept: `retention:` in `include/fleet.yaml`."""

from __future__ import annotations

from typing import Annotated

import pydantic

from include.proven.fleet.fields import Duration, Model

Count = Annotated[int, pydantic.Field(ge=1)] | None
PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")


class Retention(Model):
    """Which recovery points are kept. A rule keeps more than the others do, never less; periods are of UTC."""

    keep_last: Count = None
    """The newest, so many."""
    keep_within: Duration | None = None
    """All that are no older than the newest by more than this."""
    hourly: Count = None
    """The best of each of the last hours that have any, so many hours: the newest that is proven, else the newest."""
    daily: Count = None
    """The same of days."""
    weekly: Count = None
    """The same of weeks, which begin on Monday."""
    monthly: Count = None
    """The same of months."""
    yearly: Count = None
    """The same of years."""
    proven: int = pydantic.Field(default=3, ge=1)
    """The newest that a drill has proven, so many in each store, whatever the other rules say."""

    @pydantic.model_validator(mode="after")
    def require_rule(self) -> Retention:
        """Raise ValueError if nothing but the last proofs would be kept: that is a slip, not a policy."""
        if not (self.keep_last or self.keep_within or any(count for _, count in self.periods)):
            rules = ", ".join(["keep_last", "keep_within", *PERIODS])
            raise ValueError(f"keeps nothing but the last proofs: it needs one or more of {rules}")
        return self

    @property
    def periods(self) -> list[tuple[str, int]]:
        """The rules of periods that are asked for, the shortest first: `("daily", 7)`."""
        return [(name, count) for name in PERIODS if (count := getattr(self, name))]
