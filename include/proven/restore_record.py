"""The record of a restore by hand: signed, beside the recovery points of the store that it is made from.

On the worst day nothing may keep a restore from being made: where the record can't be written it goes on, and its end says so.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator

from include.proven import audit
from include.proven.catalog import restores
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.manifest import Manifest


@contextlib.contextmanager
def recorded(installation: Installation, manifest: Manifest, store: str, target: str) -> Iterator[list[ProvenError]]:
    """Record that an operator restores a recovery point, and how it ended. Yield a list that gets what kept it from that."""
    faults: list[ProvenError] = []
    now = datetime.datetime.now(datetime.UTC)
    begun = restores.Restore(
        id=restores.new_id(now),
        database=manifest.database,
        recovery_point=manifest.recovery_point,
        store=store,
        target=target,
        triggered_by=audit.operator(),
        started_at=now,
        outcome="begun",
    )

    def write(**changes: object) -> None:
        try:
            installation.catalog(manifest.database, store).record_restore(begun.model_copy(update=changes))
        except ProvenError as error:
            faults.append(error)

    write()
    try:
        with audit.listen() as heard:
            yield faults
    except BaseException as error:
        # ^C too: some of the data may be there
        reason = error.what if isinstance(error, ProvenError) else f"{type(error).__name__}: {error}"
        write(outcome="failed", reason=reason, ended_at=datetime.datetime.now(datetime.UTC), **audit.keep(heard))
        for fault in faults:
            error.add_note(f"and the record of the restore could not be kept: {fault.what}")
        raise
    write(outcome="done", ended_at=datetime.datetime.now(datetime.UTC), **audit.keep(heard))
