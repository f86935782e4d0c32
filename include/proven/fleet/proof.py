"""How closely the drills of a database look: `proof:` in `include/fleet.yaml`."""

from __future__ import annotations

import datetime

from include.proven.fleet.fields import Duration, Model, Size


class Proof(Model):
    """How closely drills look at a database."""

    sample_above: Size | None = None
    """Of tables with more data than this, samples are fingerprinted in place of every row; verdicts say so. Unset: all rows."""
    drift: bool = True
    """Compare rows, bytes and newest timestamps with the history of proven recovery points."""
    check_time_limit: Duration = datetime.timedelta(minutes=5)
    """The longest that one of this database's own checks may take, where its file has no `time limit`."""
    table_check_time_limit: Duration = datetime.timedelta(hours=1)
    """The longest that CHECK TABLE may take for one table. One that takes longer leaves the drill unproven."""
