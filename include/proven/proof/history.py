"""The history of a database: its earlier recovery points that a drill has proven."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from include.proven.manifest import Manifest

MOST = 30
"""Recovery points that a new one is compared with."""
MOST_LOOKED_AT = 100
"""Recovery points whose verdicts are read to find them: months of drills that proved nothing must not make each one slower."""


@dataclasses.dataclass(frozen=True)
class History:
    """What is known of the recovery points before one."""

    manifests: Sequence[Manifest]
    """Of those that were proven, newest first."""
    untrusted: Sequence[str] = ()
    """Recovery points that were passed over: what the store holds of them was not signed by the fleet, or can't be read."""

    @property
    def not_covered(self) -> list[str]:
        """What was not compared with, a sentence each."""
        if not self.untrusted:
            return []
        shown = ", ".join(self.untrusted[:3]) + (f" and {len(self.untrusted) - 3} more" if len(self.untrusted) > 3 else "")
        return [f"Earlier recovery points whose records can't be trusted; `./proven show` says why: {shown}."]
