"""Of when is the data? By the source's clock in the dump's snapshot, held against the canary and against our own clock.

The age of objects in a store says nothing: a copy is as new as its copying.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from include.proven.fleet.databases import Database
from include.proven.manifest import Manifest
from include.proven.progress import format_seconds
from include.proven.proof.verdict import Check

NAME = "freshness"
MOST_SKEW = datetime.timedelta(minutes=5)
"""How far the source's clock may be from the controller's: what Kerberos allows, too."""
MOST_LEAD = datetime.timedelta(minutes=5)
"""How long the canary may have been written before the snapshot, besides the time that the lock may be waited for."""
RESOLUTION = datetime.timedelta(seconds=1)
HINT = "Set the clocks of source and controller (NTP), and take a new backup: nobody can say how old this data is."


def judge(manifest: Manifest, config: Database) -> Check:
    """Given a recovery point, say of when its data is, or could-not-run where the clocks contradict each other.

    It is no fault of the data then, but no promise about its age can be shown to be kept.
    """
    if doubts := [*_canary_doubts(manifest, config), *_clock_doubts(manifest)]:
        return Check(name=NAME, outcome="could-not-run", figure=doubts[0], differences=doubts, hint=HINT)
    figure = f"data as of {manifest.data_as_of:%Y-%m-%d %H:%M:%S} UTC"
    if manifest.replication:
        behind = format_seconds(max(one.lag_seconds for one in manifest.replication))
        figure += f": the source was {behind} behind {', '.join(one.primary or 'its primary' for one in manifest.replication)}"
    return Check(name=NAME, outcome="pass", figure=figure)


def _canary_doubts(manifest: Manifest, config: Database) -> Iterator[str]:
    """Yield a line if the canary was not written just before the snapshot, both by the source's clock."""
    if manifest.canary is None:
        return
    lead = manifest.snapshot_at - datetime.datetime.fromisoformat(manifest.canary["written_at"])
    if lead < -RESOLUTION:
        yield f"the canary was written {_length(-lead)} after the snapshot that holds it"
    elif lead > config.lock_time_limit + MOST_LEAD:
        yield f"the canary was written {_length(lead)} before the snapshot"


def _clock_doubts(manifest: Manifest) -> Iterator[str]:
    """Yield a line if the snapshot does not lie within the backup, as the controller's clock has it."""
    behind, ahead = manifest.started_at - manifest.snapshot_at, manifest.snapshot_at - manifest.finished_at
    if behind > MOST_SKEW:
        yield f"the source's clock is {_length(behind)} behind the controller's, or more"
    elif ahead > MOST_SKEW:
        yield f"the source's clock is {_length(ahead)} ahead of the controller's, or more"


def _length(span: datetime.timedelta) -> str:
    return format_seconds(span.total_seconds())
