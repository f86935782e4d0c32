"""Where a fetched artifact comes down: a partial file that outlives whoever writes it, and whose parts count by checksum."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import pathlib
import time
from collections.abc import Iterator

from .errors import AgentError
from .progress import Meter
from .protocol import StoredArtifact
from .reading import Part, locate

READ_BYTES = 1 << 20
LOCK_SECONDS = 15.0
"""An agent whose controller was killed just now may still be ending."""


class Landing:
    """One artifact's file, `<folder>/<name>`, and until it is whole `<folder>/.<name>.partial`."""

    def __init__(self, folder: pathlib.Path, artifact: StoredArtifact) -> None:
        self.artifact = artifact
        self._name = artifact["name"]
        self._path = folder / self._name
        self._partial = folder / f".{self._name}.partial"
        self._file = -1

    def bytes_held(self) -> int:
        """Return how much there is to verify before anything is fetched."""
        return next((path.stat().st_size for path in (self._path, self._partial) if path.exists()), 0)

    def stands(self, meter: Meter) -> bool:
        """Say whether the whole artifact is there already. Raise AgentError (sandbox) if something else has its name."""
        if not self._path.exists():
            return False
        with self._reporting(""):
            opened = os.open(self._path, os.O_RDONLY)
        try:
            digest = self._hash(opened, 0, os.fstat(opened).st_size, meter)
        finally:
            os.close(opened)
        if digest != self.artifact["sha256"]:
            hint = "Choose another folder, or move the file away: nothing is overwritten."
            raise AgentError("sandbox", f"{self._path} exists, and is not the {self._name} of this recovery point", hint=hint)
        return True

    def find_missing(self, meter: Meter) -> list[Part]:
        """Open the partial file and return the parts that it does not hold with the right checksum."""
        with self._reporting(""):
            self._file = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self._lock()
            os.ftruncate(self._file, self.artifact["bytes"])  # what no part was written to takes no space, and is skipped
        return [part for part in locate(self.artifact["parts"]) if not self._holds(part, meter)]

    def write(self, part: Part, body: memoryview) -> None:
        """Put a part in its place, on the disk itself. Called from several threads."""
        offset = part["offset"]
        with self._reporting(f" part {part['number']}"):
            while body:
                count = os.pwrite(self._file, body, offset)
                body, offset = body[count:], offset + count
            os.fdatasync(self._file)

    def finish(self, meter: Meter) -> None:
        """Give the file its name. Raise AgentError (integrity) if its parts do not make up the whole."""
        if self._hash(self._file, 0, self.artifact["bytes"], meter) != self.artifact["sha256"]:
            what = f"{self._name}: its parts do not make up the whole that the manifest describes"
            raise AgentError("integrity", what, hint="The manifest contradicts itself: take a new backup.")
        with self._reporting(""):
            os.fsync(self._file)
            if self._path.exists():
                raise FileExistsError(errno.EEXIST, "somebody else has written it meanwhile", str(self._path))
            self._partial.rename(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)
        os.close(self._file)

    def _holds(self, part: Part, meter: Meter) -> bool:
        if self._is_hole(part):
            return False
        return bool(self._hash(self._file, part["offset"], part["bytes"], meter) == part["sha256"])

    def _is_hole(self, part: Part) -> bool:
        try:
            return bool(os.lseek(self._file, part["offset"], os.SEEK_DATA) >= part["offset"] + part["bytes"])
        except OSError as error:
            return error.errno == errno.ENXIO  # no data from there to the end

    def _hash(self, file: int, offset: int, count: int, meter: Meter) -> str:
        digest = hashlib.sha256()
        with self._reporting(""):
            while count and (piece := os.pread(file, min(count, READ_BYTES), offset)):
                digest.update(piece)
                meter.add(len(piece))
                offset, count = offset + len(piece), count - len(piece)
        return digest.hexdigest()

    def _lock(self) -> None:
        """Keep others out for as long as we live. Raise AgentError (sandbox) if somebody else writes it."""
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    what = f"{self._partial}: another fetch writes it"
                    raise AgentError("sandbox", what, hint="Wait for its end, or choose another folder.") from None
            time.sleep(0.1)

    @contextlib.contextmanager
    def _reporting(self, part: str) -> Iterator[None]:
        """Turn what the disk says into an error that names the artifact and the part."""
        try:
            yield
        except OSError as error:
            what = f"{self._name}{part}: {self._path.parent} can't be written or read"
            hint = "Choose a folder that may be written and has room; what was fetched stays there for the next try."
            raise AgentError("sandbox", what, detail=str(error), hint=hint) from None
