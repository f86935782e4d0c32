"""How large the parts of a stream are whose length nobody knows, and the buffers that hold them."""

from __future__ import annotations

import threading

STEP = 600
"""So many parts of one size before the next size."""
LARGEST = 768 * 1024 * 1024
MOST = 10_000
"""Parts of one object: the limit of S3."""
MEMORY = 128 * 1024 * 1024
"""Bytes of all buffers together, unless two parts alone need more: one that goes out and one that fills."""


def size_of_part(number: int, first: int) -> int:
    """Return the size in bytes of part `number` (1 …) of a stream whose first parts have `first` bytes.

    It doubles every 600 parts: with 16 MiB it stays there up to 9 GiB, and 10,000 parts make the 5 TiB that S3 allows.
    """
    return min(first << min((number - 1) // STEP, 32), max(LARGEST, first))


class Buffers:
    """Buffers of any size in bounded memory: whoever takes one waits until there is room."""

    def __init__(self, most: int, memory: int = MEMORY) -> None:
        """Given how many there may be at once and how many bytes in all, make none yet. With one there is none that fills while
        another goes out."""
        self._most = most
        self._memory = memory
        self._changed = threading.Condition()
        self._out: list[int] = []
        self._size = 0
        self._free: list[bytearray] = []

    def take(self, size: int) -> bytearray:
        """Return a buffer of that size in bytes."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(size))
            self._out.append(size)
            if size != self._size:
                self._size, self._free = size, []
            return self._free.pop() if self._free else bytearray(size)

    def give(self, buffer: bytearray) -> None:
        """Take a buffer back."""
        with self._changed:
            self._out.remove(len(buffer))
            if len(buffer) == self._size:
                self._free.append(buffer)
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        return len(self._out) < min(2, self._most) or (len(self._out) < self._most and sum(self._out) + size <= self._memory)
