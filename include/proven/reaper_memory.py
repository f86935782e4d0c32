"""What the reaper remembers of a sandbox of the fleet, signed, in the stores: `.reaper/<sandbox>.json`.

It is written to the first store that takes it, and the newest of all stores counts, as with pages (`pages/ledger.py`).
"""

from __future__ import annotations

import datetime
from typing import Literal

from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.manifest import Record

KEEP = datetime.timedelta(days=7)
"""What has not come back for so long is forgotten."""


class Memory(Record):
    """Which instances of a sandbox the reaper has destroyed, and about which it has told people."""

    format: Literal[1] = 1
    sandbox: str
    written_at: datetime.datetime
    destroyed: dict[str, datetime.datetime] = {}
    """Instance → when."""
    leaked: dict[str, str] = {}
    """Instance that came back, or could not be destroyed → the database whose contacts were told."""


def recall(installation: Installation, sandbox: str) -> tuple[Memory, list[ProvenError]]:
    """Return what is remembered of a sandbox, nothing if nothing is, and the stores' errors."""
    found = [Memory(sandbox=sandbox, written_at=datetime.datetime.fromtimestamp(0, datetime.UTC))]
    faults: list[ProvenError] = []
    for store in installation.fleet.stores:
        try:
            memory = installation.catalog("", store).note(_key(sandbox), Memory)
        except ProvenError as error:
            faults.append(error)
        else:
            found += [memory] if memory and memory.sandbox == sandbox else []
    return max(found, key=lambda memory: memory.written_at), faults


def remember(installation: Installation, memory: Memory) -> None:
    """Write what is to be remembered, without what is too old. Raise the first store's error if no store takes it."""
    now = datetime.datetime.now(datetime.UTC)
    kept = {name: at for name, at in memory.destroyed.items() if now - at < KEEP}
    fresh = memory.model_copy(update={"destroyed": kept, "written_at": now})
    failures: list[ProvenError] = []
    for store in installation.fleet.stores:
        try:
            installation.catalog("", store).replace_note(_key(memory.sandbox), fresh)
        except ProvenError as error:
            failures.append(error)
        else:
            return
    raise failures[0]


def _key(sandbox: str) -> str:
    return f".reaper/{sandbox}.json"
