"""How often and how long a request is tried that fails for a reason that may pass."""

from __future__ import annotations

import random
import time

from .errors import AgentError
from .halt import Halt

TRIES = 8
BACKOFF = 1.0
"""Seconds at most before the second try; twice as long before each one after it."""
LONGEST_WAIT = 20.0
LONGEST_RETRY_AFTER = 60.0
"""Seconds that a store may ask us to stay away."""
GIVE_UP_AFTER = 120.0
"""Seconds from the first failure on, however few the tries: a store that is silent takes long over each."""


class Patience:
    """The failures of one request in a row."""

    def __init__(self, halt: Halt) -> None:
        self.halt = halt
        self._began = 0.0
        self.failures = 0

    def fail(self, error: AgentError, at_least: float = 0.0) -> None:
        """Count one failure and wait until the next try. Raise `error` if that was the last.

        Wait up to the exponential bound at random ("full jitter": many agents that failed together don't return together),
        or `at_least` so many seconds if the store asks for it. Raise AgentError (stopped) if the halt is stopped.
        """
        self._began = self._began if self.failures else time.monotonic()
        self.failures += 1
        if self.failures >= TRIES or time.monotonic() - self._began > GIVE_UP_AFTER:
            raise error from None
        bound = min(BACKOFF * 2 ** (self.failures - 1), LONGEST_WAIT)
        pause = random.uniform(0, bound)  # noqa: S311 - jitter is no secret
        self.halt.wait(max(pause, min(at_least, LONGEST_RETRY_AFTER)))

    def renew(self) -> None:
        """Forget the failures: there was progress."""
        self.failures = 0
