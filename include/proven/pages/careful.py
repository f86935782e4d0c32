"""A ledger that is used with care: nothing that is wrong with it may keep a page from a person."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from include.proven.catalog.pages import PageEvent
from include.proven.pages.incident import Found

LEDGER_PATIENCE = 5.0
"""Seconds that the ledger may take for one answer: when the store is down, the page about it must still go out."""


class Ledger(Protocol):
    """Remembers what was noticed, who was told, and what did not arrive (`catalog.pages`)."""

    def find(self, database: str, keys: Sequence[str], /) -> Found:
        """Return the incidents of these keys that are not closed."""

    def append(self, event: PageEvent, /) -> None:
        """Record an event."""

    def withdraw(self, claim: PageEvent, /) -> None:
        """Remove a claim."""


class Careful:
    """What a ledger says, until it fails for the first time: then it is left alone, and says nothing more."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._broken = ledger is None
        self._faults: list[str] = []

    @property
    def usable(self) -> bool:
        """There is a ledger, and it has not failed."""
        return not self._broken

    @property
    def fault(self) -> str:
        """Why it could not be used, or not believed to have said all; an empty string if nothing was wrong."""
        return "; ".join(dict.fromkeys(self._faults))

    def find(self, database: str, keys: Sequence[str]) -> Found:
        """Return what the ledger knows of these keys: nothing, if it can't be asked."""
        answers = [Found([], [])]
        self._use(lambda ledger: answers.append(ledger.find(database, keys)))
        if doubt := answers[-1].doubt:
            self._faults.append(doubt)
        return answers[-1]

    def append(self, event: PageEvent) -> None:
        """Record an event, if that is possible."""
        self._use(lambda ledger: ledger.append(event))

    def withdraw(self, claim: PageEvent) -> None:
        """Remove a claim, if that is possible."""
        self._use(lambda ledger: ledger.withdraw(claim))

    def _use(self, action: Callable[[Ledger], None]) -> None:
        ledger = self._ledger
        if ledger is None or self._broken:
            return
        faults = [f"no answer within {LEDGER_PATIENCE:g} s"]

        def use() -> None:
            try:
                action(ledger)
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}".splitlines()[0])
            else:
                faults.append("")

        # a thread, because a store that hangs can't be interrupted; a daemon, because it must not keep the process either
        thread = threading.Thread(target=use, daemon=True)
        thread.start()
        thread.join(LEDGER_PATIENCE)
        if faults[-1]:
            self._broken = True
            self._faults.append(faults[-1])
