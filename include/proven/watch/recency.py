"""Concern `recency`: whether backups come when they should, and whether what is proven is as young as was promised.

The stores alone say it: ids of recovery points and signed verdicts, never a time of modification. That a recovery point is
there is believed without its signature, for one that is not genuine proves nothing and shows as an old proof in time.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from include.proven import ids, spreading
from include.proven.catalog.newest import Proof
from include.proven.errors import ProvenError
from include.proven.fleet import schedule
from include.proven.installation import Installation
from include.proven.progress import format_seconds
from include.proven.watch import asking, newcomers, overview, rto
from include.proven.watch.concern import Concern, Finding
from include.proven.watch.overview import Overview, State

LATE, OLD, UNTRUSTED = "backup-late", "proof-old", "record-untrusted"
MOMENT = "%Y-%m-%d %H:%M UTC"


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield databases whose backup is late, whose proof is older than their RPO, or whose records somebody has touched.

    What the stores that answer know is told; then raise ProvenError if one does not.
    """
    found = overview.read(installation, now)
    yield from _find_untrusted_notes(found)
    known = [state for state in found.states if state.held]
    faults: list[ProvenError] = []
    met = _met(found, known, now, faults)
    for state in known:
        yield from _find_untrusted(state)
        yield from _find_late(installation, state, met.get(state.database), now)
        yield from _find_old(installation, found, state, met.get(state.database), now)
        yield from rto.find(installation, state)
    asking.require("recency", found.stores)
    if faults:
        raise faults[0]


def _met(
    found: Overview, states: list[State], now: datetime.datetime, faults: list[ProvenError]
) -> dict[str, datetime.datetime]:
    """Return since when each database without a recovery point is known, unless a silent store may have one of it."""
    unborn = [state.database for state in states if not state.recovery_point and not state.silent]
    answering = {store: catalog for store, catalog in found.catalogs.items() if store in found.stores.given}
    try:
        return newcomers.since(answering, unborn, now) if unborn else {}
    except ProvenError as error:
        faults.append(error)
        return {}


def _find_untrusted(state: State) -> Iterator[Finding]:
    if lines := state.untrusted:
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        hint = f"Find out who has written there; `./proven show {state.database}` says more of a recovery point."
        yield Finding(UNTRUSTED, f"{lines[0]}{more}", database=state.database, detail="\n".join(lines), hint=hint)


def _find_untrusted_notes(found: Overview) -> Iterator[Finding]:
    """Yield a finding for each store whose notes of what was verified somebody has written or touched. None is believed."""
    for store, untrusted in found.untrusted_notes.items():
        hint = "Find out who has written there, then delete it: it is only there to make the watch faster."
        yield Finding(UNTRUSTED, untrusted[0], thing=store, detail="\n".join(untrusted), hint=hint)


def _find_late(
    installation: Installation, state: State, met: datetime.datetime | None, now: datetime.datetime
) -> Iterator[Finding]:
    """Yield a finding if a backup was due and its time is over: then it should be there, or have failed loudly."""
    config = installation.database(state.database)
    if config.schedule is None:
        return
    wait = spreading.delay(state.database, installation.fleet.spread) if installation.fleet.spread else datetime.timedelta()
    due = schedule.last_moment(config.schedule, now - config.backup_time_limit - wait)
    newest = ids.started_at(state.recovery_point) if state.recovery_point else None
    if newest is None and (met is None or due < met):
        return
    if newest is None or newest < due:
        last = f"the newest recovery point is {state.recovery_point}" if newest else "there is no recovery point"
        summary = f"a backup was due at {due:{MOMENT}}, and {last}"
        hint = "Nothing has failed: look whether Airflow's scheduler runs, and whether the DAG is paused."
        yield Finding(LATE, summary, database=state.database, detail=_describe_silence(state), hint=hint)


def _find_old(
    installation: Installation, found: Overview, state: State, met: datetime.datetime | None, now: datetime.datetime
) -> Iterator[Finding]:
    """Yield a finding if the newest proof is older than the RPO; without one, if it has been missing for so long."""
    promised = installation.database(state.database).objectives.rpo
    if state.proof:
        begun = state.proof.as_of
    elif state.recovery_point:
        begun = ids.started_at(found.oldest(state) or state.recovery_point)
    elif met:
        begun = met
    else:
        return
    if now - begun > promised:
        age, limit = format_seconds((now - begun).total_seconds()), schedule.words(promised)
        summary = f"{_describe_proof(state, state.proof, age)}; promised: {limit}"
        hint = "See what its last drills have met, and drill the newest recovery point."
        yield Finding(OLD, summary, database=state.database, detail=_describe_silence(state), hint=hint)


def _describe_proof(state: State, proof: Proof | None, age: str) -> str:
    if proof:
        return f"the newest proven data is {age} old ({proof.recovery_point})"
    if state.recovery_point:
        return f"no recovery point is known to be proven, and the oldest is {age} old"
    return f"there is no recovery point, and the database has been known for {age}"


def _describe_silence(state: State) -> str:
    """Say which stores may know better."""
    return "\n".join(f"store {store} gives no answer: {error.what}" for store, error in state.silent.items())


CONCERN = Concern("recency", (LATE, OLD, UNTRUSTED, rto.KIND), look)
