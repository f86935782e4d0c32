"""What a store's tests stand on: the store, and a server that tests may look into and damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import pytest

from include.proven.stores.contract import OutgoingPart, Store, Upload

Ability = Literal["signatures", "accounts", "credentials", "network", "pieces"]
"""What not every store has: requests that are signed, other accounts, credentials that can be wrong, a server that can be
dead, committed objects whose parts lie apart (so that one can be lost)."""


class StoreBed(Protocol):
    """A store that nothing was written to. What is only for an ability that it lacks may be missing."""

    store: Store
    lacks: Mapping[Ability, str]
    """Ability → why this store has it not; the tests of it are skipped with these words."""

    short_lived: Store
    """signatures: the same store; its pre-signed requests live for one second."""
    wrong_credentials: Store
    """credentials: the same store, opened with a wrong password."""
    fail_to_connect: Store
    """network: a store on a port where nobody listens."""

    def everything(self) -> list[str]:
        """List all that the server holds for this store, parts included."""

    def overwrite_part(self, upload: Upload, part: OutgoingPart, content: bytes) -> None:
        """Put other bytes, of any size, in the place of a part of an open upload, behind the store's back."""

    def replace_object(self, key: str, pieces: Sequence[bytes]) -> None:
        """Put these pieces in the place of a committed object's parts, behind the store's back: its server is content."""

    def lose_part(self, key: str, number: int) -> None:
        """pieces: delete a part of a committed object behind the store's back."""

    def for_other_part(self, url: str) -> str:
        """signatures: return the URL of part 1, pointed at part 2."""

    def for_stranger(self, url: str) -> str:
        """accounts: return the pre-signed URL of ARTIFACT, pointed at the same name in another account, where it exists."""


def require(bed: StoreBed, ability: Ability) -> None:
    """Skip the test, visibly, if the store lacks what it is about."""
    if ability in bed.lacks:
        pytest.skip(f"{bed.store.name}: {bed.lacks[ability]}")
