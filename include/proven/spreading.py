"""When each database's scheduled work begins: a herd that starts in the same second would find everything busy."""

from __future__ import annotations

import datetime
import hashlib


def delay(database: str, spread: datetime.timedelta) -> datetime.timedelta:
    """Return how long after its moment a database's scheduled work begins: always the same, and less than `spread`."""
    share = int.from_bytes(hashlib.sha256(database.encode()).digest()[:8]) / 2**64
    return share * spread
