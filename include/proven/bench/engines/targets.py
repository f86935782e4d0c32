"""What was promised of each way, and whether this run has kept it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from include.proven.bench.engines import ours, stages
from include.proven.bench.engines.outcome import Kind, Outcome, Outcomes

CLOSE = 1.15
"""Of the lower bound."""
FASTER_BACKUP, FASTER_RESTORE, FASTER_FILES = 5, 3, 6
AGENT_BYTES = 256 << 20
SMALL_SHARE = 0.05
GZIP = "dump, gzip, gpg"


@dataclasses.dataclass(frozen=True)
class Target:
    """One promise. `met` is None where nothing was measured."""

    what: str
    wanted: str
    measured: str
    met: bool | None


def judge(outcomes: Outcomes, flavour: str) -> Iterator[Target]:
    """Yield every promise about servers of a flavour, whose client has its name."""
    yield from _bounds(outcomes)
    logical = (ours.ONE, ours.TABLES)
    for way in logical:
        yield _faster(outcomes, "backup", way, GZIP, FASTER_BACKUP)
    gunzip = f"gpg, gunzip, {flavour}"
    for way in logical:
        yield _faster(outcomes, "restore", way, gunzip, FASTER_RESTORE)
    yield _faster(outcomes, "restore", ours.FILES, gunzip, FASTER_FILES)
    yield _agent(outcomes)
    yield _share(outcomes, f"{ours.FILES}{ours.INCREMENTAL}", ours.FILES)
    yield _share(outcomes, f"{ours.TABLES}{ours.UNCHANGED}", ours.TABLES)


def _bounds(outcomes: Outcomes) -> Iterator[Target]:
    for way in stages.FIRST:
        done = outcomes.find("backup", way)
        for proof in (True, False):
            named = "its lower bound" if proof else "the bound without the fingerprint"
            bound = stages.bound(outcomes, way, proof=proof)
            wanted = f"≤ {CLOSE} ×" if proof else "–"
            if done is None or done.span is None or bound is None:
                yield Target(f"backup, {way}: {named}", wanted, "–", None)
                continue
            ratio = done.span.wall / bound
            measured = f"{ratio:.2f} × ({done.span.wall:.1f} s, {bound:.1f} s)"
            yield Target(f"backup, {way}: {named}", wanted, measured, ratio <= CLOSE if proof else None)


def _faster(outcomes: Outcomes, kind: Kind, way: str, than: str, times: int) -> Target:
    what, wanted = f"{kind}, {way}: faster than {than}", f"≥ {times} ×"
    mine, other = _wall(outcomes.find(kind, way)), _wall(outcomes.find(kind, than))
    if not (mine and other):
        return Target(what, wanted, "–", None)
    return Target(what, wanted, f"{other / mine:.1f} × ({mine:.1f} s, {other:.1f} s)", other / mine >= times)


def _agent(outcomes: Outcomes) -> Target:
    held = max((one.span.agent for one in outcomes.all if one.ours and one.span), default=0)
    measured, met = (f"{held / 2**20:.0f} MiB", held <= AGENT_BYTES) if held else ("–", None)
    return Target("peak memory of the agent, backups and restores", f"≤ {AGENT_BYTES >> 20} MiB", measured, met)


def _share(outcomes: Outcomes, way: str, of: str) -> Target:
    what, wanted = f"stored by {way}, of the full one", f"≤ {SMALL_SHARE:.0%}"
    part, whole = outcomes.find("backup", way), outcomes.find("backup", of)
    if not (part and whole and whole.stored):
        return Target(what, wanted, "–", None)
    share = part.stored / whole.stored
    return Target(what, wanted, f"{share:.1%} ({part.stored / 1e6:.1f} MB)", share <= SMALL_SHARE)


def _wall(outcome: Outcome | None) -> float:
    return outcome.span.wall if outcome and outcome.span else 0.0
