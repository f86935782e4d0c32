"""Part of the concern `recency`: a restore that took longer than promised, as the newest drill that proved something has it.

What was refuted or could not be tried has measured nothing that counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from include.proven.installation import Installation
from include.proven.progress import format_seconds
from include.proven.watch.concern import Finding
from include.proven.watch.overview import State

KIND = "rto-missed"
HINT = (
    "`./proven report {database}` shows what the time went to. Download: a faster store, more `parallel`; load: a larger"
    " sandbox, as the server that a loss is restored on would be. Or promise what can be kept: `objectives.rto`."
)


def find(installation: Installation, state: State) -> Iterator[Finding]:
    """Yield a finding if the newest proven recovery of a database, from whichever store, took longer than promised now."""
    proofs = [newest.proof for newest in state.held.values() if newest.proof]
    newest = max(proofs, key=lambda proof: proof.drill, default=None)
    promised = installation.database(state.database).objectives.rto.total_seconds()
    if newest is None or newest.rto_seconds is None or newest.rto_seconds <= promised:
        return
    parts = ", ".join(f"{part.name} {format_seconds(part.seconds)}" for part in newest.recovery)
    yield Finding(
        KIND,
        f"build and restore took {format_seconds(newest.rto_seconds)}; promised: {format_seconds(promised)}",
        database=state.database,
        detail=f"drill {newest.drill} of {newest.recovery_point}: {parts}",
        hint=HINT.format(database=state.database),
    )
