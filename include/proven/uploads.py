"""The uploads of one recovery point: opened when the agent first asks for a URL, made visible when all of it is there."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from include.proven.catalog.at_once import map_at_once, open_pool
from include.proven.errors import IntegrityError, StoreError
from include.proven.manifest import Part
from include.proven.stores.contract import OutgoingPart, SignedRequest, Store, Upload


@dataclasses.dataclass
class Uploads:
    """The uploads of one recovery point to its stores, each opened when the agent first asks for a URL."""

    stores: dict[str, Store]
    folder: str
    resumed: bool = True
    """The agent was found at work: another controller has opened its uploads."""
    opened: dict[tuple[str, str], Upload] = dataclasses.field(default_factory=dict)

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return a PUT for each part of an artifact."""
        return self.stores[store].presign_parts(self._open(store, artifact), parts)

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Refuse: a backup reads nothing."""
        raise StoreError(f"a backup asked to read {artifact} from store {store}")

    def commit(self, store: str, artifacts: Sequence[dict[str, Any]]) -> None:
        """Compare every part with what the store holds, then make each artifact visible there that was sent."""
        sent = [artifact for artifact in artifacts if not artifact.get("at")]  # the others an earlier recovery point has sent
        for artifact in sent:
            if not self.resumed and (store, artifact["name"]) not in self.opened:
                raise IntegrityError(f"the agent says it sent {artifact['name']}, but never asked where to")
        with open_pool(self.stores[store], len(sent)) as pool:
            map_at_once(pool, functools.partial(self._commit_one, store), sent)

    def _commit_one(self, store: str, artifact: dict[str, Any]) -> None:
        parts = [Part.model_validate(part) for part in artifact["parts"]]
        self.stores[store].commit_upload(self._open(store, artifact["name"]), parts)

    def _open(self, store: str, artifact: str) -> Upload:
        if (store, artifact) not in self.opened:
            opened = self.stores[store]
            begin = opened.resume_upload if self.resumed else opened.begin_upload
            self.opened[store, artifact] = begin(f"{self.folder}/{artifact}")
        return self.opened[store, artifact]
