"""What the reaper remembers of a sandbox of the fleet, signed, in the stores: `.reaper/<sandbox>.json`.

It is a note (`notes.py`): written to the first store that takes it, and the newest of all stores counts.
"""

from __future__ import annotations

import datetime
from typing import Literal

from include.proven import notes
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.notes import Note

KEEP = datetime.timedelta(days=7)
"""What has not come back for so long is forgotten."""


class Memory(Note):
    """Which instances of a sandbox the reaper has destroyed, and about which it has told people."""

    format: Literal[1] = 1
    sandbox: str
    destroyed: dict[str, datetime.datetime] = {}
    """Instance → when."""
    leaked: dict[str, str] = {}
    """Instance that came back, or could not be destroyed → the database whose contacts were told."""


def recall(installation: Installation, sandbox: str) -> tuple[Memory, list[ProvenError]]:
    """Return what is remembered of a sandbox, nothing if nothing is, and the stores' errors."""
    found, faults = notes.recall(installation, _key(sandbox), Memory)
    nothing = Memory(sandbox=sandbox, written_at=datetime.datetime.fromtimestamp(0, datetime.UTC))
    return next((memory for memory in found if memory.sandbox == sandbox), nothing), faults


def remember(installation: Installation, memory: Memory) -> None:
    """Write what is to be remembered, without what is too old. Raise the first store's error if no store takes it."""
    now = datetime.datetime.now(datetime.UTC)
    kept = {name: at for name, at in memory.destroyed.items() if now - at < KEEP}
    notes.remember(installation, _key(memory.sandbox), memory.model_copy(update={"destroyed": kept, "written_at": now}))


def _key(sandbox: str) -> str:
    return f".reaper/{sandbox}.json"
