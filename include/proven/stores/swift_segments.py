"""The parts of artifacts in Swift: objects of a container of their own, until a manifest makes one object of them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from include.proven import errors
from include.proven.manifest import Part
from include.proven.stores import static_large_object as slo
from include.proven.stores.swift_client import SwiftClient, modified_at, none_if_missing


class Segments:
    """The parts of the artifact `<key>` are the objects `<prefix><key>/00000001` … of `container`."""

    def __init__(self, client: SwiftClient, container: str, prefix: str) -> None:
        self.container = container
        self._client = client
        self._prefix = prefix

    def folder(self, key: str) -> str:
        """Return what the names of an artifact's parts begin with."""
        return f"{self._prefix}{key}/"

    def part(self, key: str, number: int) -> str:
        """Return the name of one part."""
        return f"{self.folder(key)}{number:08d}"

    def list_parts(self, key: str) -> dict[str, tuple[int, str]]:
        """Return size in bytes and MD5 of each part and inner manifest that is there, by name."""
        pattern = re.compile(re.escape(self.folder(key)) + slo.SEGMENT)
        listing = self._client.list(self.container, self.folder(key))
        return {entry["name"]: (entry["bytes"], entry["hash"]) for entry in listing if pattern.fullmatch(entry["name"])}

    def list_touched(self, below: str) -> dict[str, datetime.datetime]:
        """Return when the youngest part of each artifact below a folder was written, by the artifact's key."""
        touched: dict[str, datetime.datetime] = {}
        for listed in self._client.list(self.container, self._prefix + below):
            key, written = listed["name"].removeprefix(self._prefix).rpartition("/")[0], modified_at(listed)
            touched[key] = max(written, touched.get(key, written))
        return touched

    def verify(self, key: str, parts: Sequence[Part]) -> None:
        """Raise IntegrityError, naming the part, unless exactly these are there, each with its size and MD5."""
        if [part.number for part in parts] != list(range(1, len(parts) + 1)):
            raise errors.IntegrityError(f"swift: commit object {key}: its parts are not numbered 1 to {len(parts)}")
        listed = self.list_parts(key)
        for part in parts:
            name = self.part(key, part.number)
            # A listing may lag behind what is stored: the object itself has the last word.
            seen = listed.pop(name, None)
            if seen != (part.bytes, part.md5):
                seen = self._look_at(name)
            _compare_part(key, part, seen)
        if listed:
            names = ", ".join(sorted(name.rpartition("/")[2] for name in listed))
            raise errors.IntegrityError(f"swift: commit object {key}: parts that nobody sent are in the store: {names}")

    def _look_at(self, name: str) -> tuple[int, str] | None:
        with self._client.request(f"head part {name}") as swift, none_if_missing():
            stored = swift.head_object(self.container, name)
            return int(stored["content-length"]), str(stored["etag"]).strip('"')
        return None


def _compare_part(key: str, part: Part, seen: tuple[int, str] | None) -> None:
    if seen is None:
        raise errors.IntegrityError(f"swift: commit object {key}: part {part.number} is not in the store")
    if seen != (part.bytes, part.md5):
        raise errors.IntegrityError(
            f"swift: commit object {key}: part {part.number} is not what was sent",
            detail=f"sent {part.bytes} bytes, MD5 {part.md5}; stored {seen[0]} bytes, MD5 {seen[1]}",
            hint="Something else writes into this store, or it is damaged: find out before you trust it.",
        )
