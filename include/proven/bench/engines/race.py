"""One run of all ways of one flavour: what is measured, and what is written of it."""

from __future__ import annotations

import dataclasses
import os

from include.proven.bench import measure, sysbench
from include.proven.bench.engines import bed, by_hand, ours, stages
from include.proven.bench.engines.outcome import Outcomes

SHOP_MEGABYTES = 20


@dataclasses.dataclass(frozen=True)
class Found:
    """What one run has found on a server of one flavour."""

    flavour: str
    server: str
    """Its version."""
    rows: int
    """Of each of the 8 tables."""
    data_bytes: int
    """Of the source's files."""
    outcomes: Outcomes


def run(flavour: str, rows: int, *, rounds: int = 1, shop_megabytes: int = SHOP_MEGABYTES) -> Found:
    """Go all ways, and remove all that was made for them. Raise ProvenError where not even the source can be had."""
    outcomes = Outcomes(rounds)
    with bed.made(flavour, rows, shop_megabytes) as made:
        with made.connect(made.as_root(made.source)) as session:
            version = str(session.query("SELECT VERSION()")[0][0])
        size = sum(file.stat().st_size for file in made.source.datadir.rglob("*.ibd"))
        typed, own = by_hand.ByHand(made), ours.Ours(made, outcomes)
        stages.Stages(made, outcomes, typed).run()
        for way, once in typed.backups():
            outcomes.go("backup", way, once)
        own.back_up()
        for way, once in typed.restores():
            outcomes.go("restore", way, once)
        own.restore()
        own.back_up_changed(rows)
    return Found(flavour, version, rows, size, outcomes)


def describe(found: Found) -> str:
    """Return a sentence about the data."""
    return (
        f"Source: {found.flavour} {found.server}, {sysbench.TABLES} tables of {found.rows:,} rows and a small shop,"
        f" {found.data_bytes / 1e9:.2f} GB of files; Swift, source and restored servers share the {os.cpu_count()} cores."
    )


def report_failures(found: Found) -> int:
    """Tell which ways have no figure, and return how many."""
    for one in found.outcomes.failed():
        measure.say(f"no figure: {found.flavour}, {one.kind}, {one.way}: {one.problem}")
    return len(found.outcomes.failed())
