"""One copy of a good recovery point, and what can be done to it."""

from __future__ import annotations

import functools
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import IO, Any

from include.proven.manifest import Artifact, Manifest
from include.proven.sabotage import dump, sealing
from include.proven.sabotage.edits import Deed, Edit
from include.proven.sabotage.workshop import NotApplicableError, Workshop

MANIFEST, SIGNATURE = "manifest.json", "manifest.json.asc"
DUMP = ("dump", "definitions", "rows", "triggers")
"""Roles of the artifacts that are a dump, or one by table together."""


class Copy:
    """A copy in `folder`. Its files are the good ones by other names: a file is replaced, never written to."""

    def __init__(self, workshop: Workshop, manifest: Manifest, folder: pathlib.Path) -> None:
        self.workshop = workshop
        self.manifest = manifest
        """The good one."""
        self.folder = folder

    def artifact(self) -> Artifact:
        """Return the dump; of one by table the largest artifact of rows."""
        return max((one for one in self.manifest.artifacts if one.role in ("dump", "rows")), key=lambda one: one.bytes)

    def replace(self, name: str, content: bytes) -> None:
        """Put a small file in the place of one."""
        self.remove(name)
        (self.folder / name).write_bytes(content)

    def replace_file(self, name: str, source: pathlib.Path) -> None:
        """Put a copy of another file in the place of one."""
        self.remove(name)
        shutil.copyfile(source, self.folder / name)

    def remove(self, name: str) -> None:
        """Delete a file."""
        (self.folder / name).unlink()

    def own(self, name: str) -> pathlib.Path:
        """Return a file that may be written to: it is the copy's own from now on."""
        shared, file = self.folder / f".{name}", self.folder / name
        file.rename(shared)
        shutil.copyfile(shared, file)
        shared.unlink()
        return file

    def flip_bit(self, name: str) -> None:
        """Flip one bit in the middle of a file."""
        file = self.own(name)
        with file.open("r+b") as stream:
            stream.seek(file.stat().st_size // 2)
            byte = stream.read(1)[0]
            stream.seek(-1, 1)
            stream.write(bytes([byte ^ 0x10]))

    def alter(self, edit: Edit, *roles: str, of: str = "") -> str:
        """Alter the plain text of artifacts (default: the dump), seal them again and sign a manifest that describes them.

        Of a dump by table the first artifact is altered in which there is anything to alter; if `of` is named, the one with the
        rows of that table. Fingerprint, inventory and canary stay what the source had. Return what was altered. Raise
        NotApplicableError if there was nothing to alter.
        """
        deed = Deed()
        for artifact in [one for one in self.manifest.artifacts if one.role in (roles or DUMP)]:
            if (roles or not deed.thing) and (not of or artifact.role == "dump" or of in artifact.tables):
                self.reseal(functools.partial(self._edit, edit, deed), artifact)
        if not deed.thing:
            raise NotApplicableError("this recovery point holds nothing of the sort")
        return deed.thing

    def _edit(self, edit: Edit, deed: Deed, stream: IO[bytes]) -> Iterator[bytes]:
        return dump.say(edit(dump.with_definitions(dump.read(stream), self.manifest.inventory.get("tables", {})), deed))

    def reseal(
        self, alter: sealing.Alter, artifact: Artifact | None = None, *, compressed: bool = False, stranger: bool = False
    ) -> None:
        """Alter the stream in an artifact, encrypt it for the fleet's recipients or for a stranger, and sign what it is now."""
        artifact, installation = artifact or self.artifact(), self.workshop.installation
        source, target = self.folder / artifact.name, self.folder / f".{artifact.name}"
        keys = [self.workshop.stranger.public_key()] if stranger else installation.keyring.export_public_keys()
        changed = sealing.reseal(
            installation,
            artifact,
            source,
            target,
            alter,
            recipients=keys,
            home=self.workshop.folder / "seal",
            compressed=compressed,
        )
        source.unlink()
        target.rename(source)
        self.describe(changed)

    def describe(self, changed: Artifact) -> None:
        """Sign a manifest that has `changed` in the place of the artifact of that name."""
        artifacts = [changed if one.name == changed.name else one for one in self.manifest.artifacts]
        self.rewrite(artifacts=artifacts)

    def rewrite(self, **members: Any) -> None:
        """Sign a manifest with other members, as the fleet's own signer."""
        self.manifest = Manifest.model_validate(self.manifest.model_dump() | members)
        content = self.manifest.model_dump_json(indent=2).encode() + b"\n"
        self.replace(SIGNATURE, self.workshop.installation.keyring.sign(content))
        self.replace(MANIFEST, content)


Act = Callable[[Copy], str]
"""Breaks a copy and returns what was broken."""
