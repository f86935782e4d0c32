"""Which routes have had the digest, and when: a signed note in the stores, so that nobody gets it more often than was asked."""

from __future__ import annotations

import datetime
from typing import Literal

from include.proven import notes
from include.proven.installation import Installation
from include.proven.notes import Note

KEY = ".digest/sent.json"


class Memory(Note):
    """What was sent."""

    format: Literal[1] = 1
    sent: dict[str, datetime.datetime] = {}
    """Route → when it took a digest last."""


def recall(installation: Installation) -> dict[str, datetime.datetime]:
    """Return each route that has had a digest, and when. Raise the first store's error if no store gives an answer."""
    found, faults = notes.recall(installation, KEY, Memory)
    if not found and len(faults) == len(installation.fleet.stores):
        raise faults[0]
    return found[0].sent if found else {}


def remember(installation: Installation, sent: dict[str, datetime.datetime]) -> None:
    """Write which routes have had it. Raise the first store's error if no store takes it."""
    notes.remember(installation, KEY, Memory(sent=sent, written_at=datetime.datetime.now(datetime.UTC)))
