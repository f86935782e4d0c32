"""The controller's part in a stream: says where a piece goes, and makes it exist in each store when all of it is there."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from include.proven import errors
from include.proven.catalog import Catalog
from include.proven.catalog.binlogs import FOLDER, Segment
from include.proven.errors import IntegrityError, ProvenError, StoreError
from include.proven.manifest import Part
from include.proven.stores.contract import OutgoingPart, SignedRequest, Upload


@dataclasses.dataclass
class Shipping:
    """The pieces of one stream on their way to the stores; a store that has met an error stays behind in `failed`."""

    database: str
    catalogs: dict[str, Catalog]
    place: str = ""
    """The agent's host, for errors; empty: this machine."""
    failed: dict[str, ProvenError] = dataclasses.field(default_factory=dict)
    _uploads: dict[tuple[str, str], Upload] = dataclasses.field(default_factory=dict)

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> list[SignedRequest]:
        """Return a PUT for each part of a piece."""
        opened = self.catalogs[store].store
        if (store, artifact) not in self._uploads:
            self._uploads[store, artifact] = opened.begin_upload(f"{self.database}/{FOLDER}/{artifact}")
        return opened.presign_parts(self._uploads[store, artifact], parts)

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Refuse: a stream reads nothing."""
        raise StoreError(f"a stream asked to read {artifact} from store {store}")

    def publish(self, event: Mapping[str, Any]) -> Segment:
        """Make a piece that was sent exist in every store that has it whole; return it. Raise ProvenError where none does."""
        sent = event["artifact"]["name"]
        self.failed |= {name: errors.from_agent(error, self.place) for name, error in event["failed"].items()}
        artifact = {**event["artifact"], "name": pathlib.PurePosixPath(sent).name}
        piece = Segment.model_validate({**event, "database": self.database, "artifact": artifact})
        for name in [name for name in self.catalogs if name not in self.failed]:
            with self.leaving_behind(name):
                self._publish(self.catalogs[name], sent, piece)
        return piece

    def let_go(self) -> None:
        """Remove what was begun and does not exist, as far as the stores let us: nobody comes back to it."""
        for (name, _), upload in self._uploads.items():
            with contextlib.suppress(ProvenError):
                self.catalogs[name].store.abort_upload(upload)
        self._uploads.clear()

    @contextlib.contextmanager
    def leaving_behind(self, name: str) -> Iterator[None]:
        """Note what a store met in `failed`. Raise it if no other is left."""
        try:
            yield
        except ProvenError as error:
            self.failed[name] = error
            if set(self.failed) >= set(self.catalogs):
                raise

    def _publish(self, catalog: Catalog, sent: str, piece: Segment) -> None:
        newest = catalog.newest_of_file(piece.name.folder)
        if newest is not None and newest.end > piece.start:
            raise StoreError(
                f"{piece.file} from offset {piece.start} on is in store {catalog.store.name} already",
                hint="Another stream of this database runs: let one of them end. Nothing is lost.",
            )
        upload = self._uploads.get((catalog.store.name, sent))
        if upload is None:
            raise IntegrityError(f"the agent says it sent {sent}, but never asked where to")
        catalog.store.commit_upload(upload, [Part.model_validate(part.model_dump()) for part in piece.artifact.parts])
        del self._uploads[catalog.store.name, sent]
        catalog.publish_segment(piece)
