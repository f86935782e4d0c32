"""A bandwidth limit that several threads share."""

from __future__ import annotations

import threading
import time

SMALLEST_PIECE, LARGEST_PIECE = 4 * 1024, 256 * 1024
PIECES_A_SECOND = 32


class Throttle:
    """Lets through `rate` bytes a second (0: all there are). It saves nothing up: after a pause there is no burst."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._free_at = 0.0
        # Small under a small limit: a store hangs up on a sender that is silent while the others have their turn.
        wanted = int(rate / PIECES_A_SECOND) if rate else LARGEST_PIECE
        self.piece = min(max(wanted, SMALLEST_PIECE), LARGEST_PIECE)
        """Bytes to ask for at a time."""

    def pass_through(self, count: int) -> None:
        """Return when `count` more bytes may go."""
        if not self._rate:
            return
        with self._lock:
            begin = max(self._free_at, time.monotonic())
            self._free_at = begin + count / self._rate
        time.sleep(max(0.0, begin - time.monotonic()))
